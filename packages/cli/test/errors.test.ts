import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { int64 } from 'decouple';
import { writeNpy } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkplace, decouple, type Workplace } from './support.ts';

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
  writeFileSync(place.path('broken.onnx'), Buffer.from([0x0a, 0xff, 0x01, 0x02]));
  writeFileSync(place.path('broken.npy'), 'no array');
  await writeNpy(place.path('y.npy'), int64([1, 2, 3]));
});
afterAll(() => place.clear());

/** Command lines that fail, with their exit code and what the one line says. */
const failures: [string, (p: Workplace) => string[], number, RegExp][] = [
  ['a missing file', (p) => ['inspect', p.path('none.onnx')], 1, /none\.onnx: can't be read/],
  ['a broken file', (p) => ['inspect', p.path('broken.onnx')], 1, /broken\.onnx/],
  ['an unknown format', (p) => ['inspect', p.path('net.h5')], 1, /model files are \.onnx/],
  ['an unknown pass', (p) => ['optimize', p.model, '-p', 'decuple'], 2, /did you mean 'decouple'/],
  [
    'an unknown option of a pass',
    (p) => ['optimize', p.model, '-p', 'decouple{term=2}'],
    2,
    /no option 'term'; did you mean 'terms'/,
  ],
  [
    'an unknown backend',
    (p) => ['eval', p.model, '--data', p.data, '--backend', 'tpu'],
    2,
    /'tpu' is not a backend/,
  ],
  [
    'missing data',
    (p) => ['eval', p.model, '--data', p.path('no')],
    1,
    /no: no such file or folder/,
  ],
  [
    'broken data',
    (p) => ['run', p.model, '--input', p.path('broken.npy'), '-o', p.path('o.npy')],
    1,
    /broken\.npy/,
  ],
  [
    'data of another shape',
    (p) => ['run', p.model, '--input', p.path('y.npy'), '-o', p.path('o.npy')],
    1,
    /expected \[N,3,8,8\]/,
  ],
  [
    'an unknown input',
    (p) => ['run', p.model, '--input', `in=${p.input}`, '-o', p.path('o.npy')],
    2,
    /inputs are input/,
  ],
  [
    'a shape that does not fit',
    (p) => ['inspect', p.model, '--shape', '1x4x8x8'],
    1,
    /got 1x4x8x8/,
  ],
  [
    'an output that can not be written',
    (p) => ['export', p.model, '-o', `${p.model}/below/x.onnx`],
    1,
    /can't be written/,
  ],
];

describe('errors', () => {
  it.each(failures)('tells %s in one line', async (_, argv, code, message) => {
    const outcome = await decouple(argv(place));
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).toMatch(/^decouple: [^\n]+\n$/);
    expect(outcome).toMatchObject({ code, stdout: '' });
  });

  it.each([
    [['inspekt'], /did you mean inspect/i],
    [['inspect'], /missing required argument 'model'/],
    [['inspect', 'x.onnx', '--shape', 'input=axb'], /Expected sizes/],
    [['eval', 'x.onnx', '--data', 'd', '--limit', '0'], /whole number of at least 1/],
  ])('exits with 2 for %j', async (argv, message) => {
    const outcome = await decouple(argv);
    expect(outcome.stderr).toMatch(message);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  });

  it('stops with 130 when cancelled', async () => {
    const outcome = await decouple(
      ['eval', place.model, '--data', place.data],
      AbortSignal.abort(),
    );
    expect(outcome).toMatchObject({ code: 130, stderr: 'decouple: cancelled\n', stdout: '' });
  });
});

describe('help', () => {
  it.each([
    'inspect',
    'optimize',
    'eval',
    'bench',
    'run',
    'compare',
    'passes',
    'export',
    'bisect',
    'reproduce',
  ])('shows examples for %s', async (command) => {
    const { code, stdout } = await decouple([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  decouple ${command}`));
  });
});

describe('the installed command', () => {
  const bin = fileURLToPath(new URL('../bin/decouple.js', import.meta.url));

  it('runs from any folder and passes on the exit code', () => {
    const run = (...argv: string[]) =>
      spawnSync(process.execPath, [bin, ...argv], { cwd: tmpdir(), encoding: 'utf8' });
    const good = run('inspect', place.model, '--json');
    expect(good.stderr).toBe('');
    expect(JSON.parse(good.stdout)).toHaveProperty('macs');
    const bad = run('inspect', 'none.onnx');
    expect(bad).toMatchObject({ status: 1, stdout: '' });
    expect(bad.stderr).toMatch(/^decouple: none\.onnx: can't be read[^\n]*\n$/);
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const child = spawn(process.execPath, [bin, 'export', place.model, '--text'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});
