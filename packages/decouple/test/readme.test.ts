/** The example of the README runs as it stands. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

it('runs the code of the README', { timeout: 300_000 }, () => {
  const readme = readFileSync(`${root}/README.md`, 'utf8');
  const code = /```ts\n(.*?)```/s.exec(readme)?.[1];
  expect(code).toBeDefined();
  const script = `${root}/out/readme-example-${process.pid}.ts`;
  mkdirSync(`${root}/out`, { recursive: true });
  rmSync(`${root}/out/resnet20-fast.onnx`, { force: true });
  writeFileSync(script, `${code}\nconsole.log('logits', logits?.shape);\n`);
  try {
    const flags = ['--conditions=@decouple/source', '--import', 'tsx'];
    const run = spawnSync(process.execPath, [...flags, script], { cwd: root, encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/MACs +40\.6 M +2\d\.?\d* M/);
    expect(run.stdout).toMatch(/top1: [\d.]+, top5: [\d.]+, count: 100/);
    expect(run.stdout).toContain('logits [ 1, 10 ]');
    expect(existsSync(`${root}/out/resnet20-fast.onnx`)).toBe(true);
  } finally {
    rmSync(script);
  }
});
