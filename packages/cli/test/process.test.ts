/** The command as a process: what the system does to it, and files that it can't read. Nothing half-done remains. */
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { float32, int64 } from 'decouple';
import { writeNpy } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkplace, decouple, type Workplace } from './support.ts';

const bin = fileURLToPath(new URL('../bin/decouple.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

/** Runs the command in a shell, which sets limits and redirects before it. */
const inShell = (before: string, argv: readonly string[], after = ''): Promise<Ended> =>
  ended(
    spawn('sh', ['-c', `${before} "$@" ${after}`, 'sh', process.execPath, bin, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );

let place: Workplace;
/** A folder of its own for results: whatever is in it afterwards was left there. */
const results = (): string => place.path('results');
beforeAll(async () => {
  place = await createWorkplace();
  mkdirSync(results());
});
afterAll(() => place.clear());

const oneLine = /^decouple: [^\n]+\n$/;

describe.skipIf(process.platform === 'win32')('the system refuses', () => {
  it('a full disk: the file is not there, nor a part of it', async () => {
    // A limit on the size of files fails as a full disk does, in the middle of writing.
    const { code, stderr } = await inShell('ulimit -f 1; exec', [
      ...['export', place.model, '--text', '-o'],
      `${results()}/big.txt`,
    ]);
    expect(stderr).toMatch(/big\.txt: can't be written: .*EFBIG/);
    expect(stderr).toMatch(oneLine);
    expect(code).toBe(1);
    expect(readdirSync(results())).toEqual([]);
  });

  it('standard output on a full disk', async () => {
    if (!existsSync('/dev/full')) return;
    const { code, stderr } = await inShell('exec', ['inspect', place.model], '> /dev/full');
    expect(stderr).toMatch(/^decouple: standard output can't be written: [^\n]*ENOSPC[^\n]*\n$/);
    expect(code).toBe(1);
  });

  it('devices as output are written to, not replaced', async () => {
    const good = await decouple(['export', place.model, '--text', '-o', '/dev/null']);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    if (!existsSync('/dev/full')) return;
    const bad = await decouple(['export', place.model, '--text', '-o', '/dev/full']);
    expect(bad.stderr).toMatch(/\/dev\/full: can't be written: .*ENOSPC/);
    expect(bad.code).toBe(1);
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
  });

  it.each([
    ['a folder', () => results()],
    ['below a file', () => `${place.model}/x.onnx`],
    ['in a folder that takes no files', () => '/proc/none/x.onnx'],
  ])('an output that is %s', async (_, path) => {
    const outcome = await decouple(['export', place.model, '-o', path()]);
    expect(outcome.stderr).toMatch(/can't be written|model files are/);
    expect(outcome.stderr).toMatch(oneLine);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(readdirSync(results())).toEqual([]);
  });
});

describe('models that are none', () => {
  it.each([
    ['an empty file', 'empty.onnx', /empty\.onnx: no graph in the file/],
    ['a folder', 'folder.onnx', /folder\.onnx: can't be read/],
    ['an image', 'image.onnx', /image\.onnx: not an ONNX model/],
    ['an image by its name', 'image.jpg', /image\.jpg: format '\.jpg' is not known/],
    ['a file without a name', '', /can't be read|is not known/],
  ])('%s', async (_, name, message) => {
    writeFileSync(place.path('empty.onnx'), '');
    mkdirSync(place.path('folder.onnx'), { recursive: true });
    for (const image of ['image.onnx', 'image.jpg'])
      writeFileSync(
        place.path(image),
        Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70]),
      );
    for (const command of ['inspect', 'export']) {
      const more = command === 'export' ? ['-o', `${results()}/x.onnx`] : [];
      const outcome = await decouple([command, place.path(name), ...more]);
      expect(outcome.stderr).toMatch(message);
      expect(outcome.stderr).toMatch(oneLine);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
    }
    expect(readdirSync(results())).toEqual([]);
  });
});

describe('data that do not fit', () => {
  const evaluated = (folder: string) =>
    decouple(['eval', place.model, '--data', place.path(folder)]);
  const pixel = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );

  it('an image that is broken among good ones stops the command and is named', async () => {
    for (const label of ['cat', 'dog']) {
      mkdirSync(place.path(`images/${label}`), { recursive: true });
      writeFileSync(place.path(`images/${label}/good.png`), pixel);
    }
    expect(await evaluated('images')).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(place.path('images/dog/broken.png'), pixel.subarray(0, 40));
    const outcome = await evaluated('images');
    expect(outcome.stderr).toMatch(/images\/dog\/broken\.png: not a readable image/);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
  });

  it.each([
    ['too few labels', [0, 1], /2 labels for 3 samples/],
    ['a label beyond the classes', [0, 1, 6], /sample 2 has label 6; .* 6 classes/],
    ['a negative label', [0, -1, 2], /sample 1 has label -1/],
  ])('%s', async (name, labels, message) => {
    await writeNpy(place.path(`${name}/a_x.npy`), float32([3, 3, 8, 8], new Float32Array(576)));
    await writeNpy(place.path(`${name}/a_y.npy`), int64(labels));
    const outcome = await evaluated(name);
    expect(outcome.stderr).toMatch(message);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
  });

  it('labels that are no whole numbers', async () => {
    await writeNpy(place.path('half/a_x.npy'), float32([2, 3, 8, 8], new Float32Array(384)));
    await writeNpy(place.path('half/a_y.npy'), float32([2], [0, 0.5]));
    const outcome = await evaluated('half');
    expect(outcome.stderr).toMatch(/sample 1 has label 0\.5/);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
  });

  it('no samples', async () => {
    await writeNpy(place.path('none/a_x.npy'), float32([0, 3, 8, 8], []));
    await writeNpy(place.path('none/a_y.npy'), int64([]));
    expect((await evaluated('none')).stderr).toMatch(/no labelled samples/);
    const argv = ['optimize', place.model, '--calibrate', place.path('none')];
    const outcome = await decouple([...argv, '-o', `${results()}/x.onnx`]);
    expect(outcome.stderr).toMatch(oneLine);
    expect(outcome.stderr).not.toMatch(/internal error/);
    expect(outcome.code).toBe(1);
    expect(readdirSync(results())).toEqual([]);
  });

  it('a preprocess.json that is none', async () => {
    mkdirSync(place.path('odd'), { recursive: true });
    for (const file of ['eval_x.npy', 'eval_y.npy'])
      copyFileSync(`${place.data}/${file}`, place.path(`odd/${file}`));
    writeFileSync(place.path('odd/preprocess.json'), '{"mean": "grey"}');
    const outcome = await evaluated('odd');
    expect(outcome.stderr).toMatch(/preprocess\.json: expected \{ "mean"/);
    expect(outcome.code).toBe(1);
    expect(await readFile(place.path('odd/preprocess.json'), 'utf8')).toBe('{"mean": "grey"}');
  });
});
