/**
 * The CPU backend on newer versions of Node: kernels in both arithmetics, threads, a compiled network, an optimised one.
 * Flags of the engine, and what it compiles first, change between versions. Their binaries come from the npm package
 * `node` and are kept outside the checkout.
 *
 *   npm run test:nodes
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const versions = ['22', '24'];
const root = fileURLToPath(new URL('.', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

/** The binary of a major version, installed when it is not there. */
async function install(version: string): Promise<string> {
  const folder = join(homedir(), '.cache/decouple', `node-${version}`);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    await mkdir(folder, { recursive: true });
    const from = ['--prefix', folder, '--no-audit', '--no-fund', '--loglevel', 'error'];
    // Elsewhere than in the checkout, whose own settings for npm are not for it.
    execFileSync('npm', ['install', ...from, `node@${version}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return binary;
}

const checked: string[] = [];
for (const version of versions) {
  const binary = await install(version);
  const { status } = spawnSync(binary, [vitest, 'run', '--root', root], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
  checked.push(execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim());
}
console.log(`checked with Node ${checked.join(' and ')}`);
