/** Ctrl-C in the middle of long commands, as processes: they end soon, with exit code 130, and leave nothing. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkplace, type Workplace } from './support.ts';

const bin = fileURLToPath(new URL('../bin/decouple.js', import.meta.url));
const models = fileURLToPath(new URL('../../../test-models/', import.meta.url));
const model = `${models}resnet20-cifar10.onnx`;

/** What people call "at once". */
const patienceMs = 3000;

interface Cancelled {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the signal to the end. */
  readonly ms: number;
}

/** Runs the command until it first says something on standard error, then presses Ctrl-C. */
function cancelled(argv: readonly string[], cwd: string): Promise<Cancelled> {
  const child = spawn(process.execPath, [bin, ...argv], {
    cwd,
    // A group of its own: a terminal signals all processes of it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, pressed] = ['', '', 0];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (pressed) return;
    pressed = performance.now();
    process.kill(-(child.pid as number), 'SIGINT');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr, ms: performance.now() - pressed }));
  });
}

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
  mkdirSync(place.path('results'));
});
afterAll(() => place.clear());

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  it.each([
    [
      'optimize, while a pass fits layers to data',
      [
        ...['optimize', model, '--calibrate', `${models}cifar10-subset/calibrate`],
        ...['-p', 'fold-batch-norm, decouple{macs=0.4x}', '-o', 'out.onnx'],
        // The print of the first pass says that the second one starts.
        ...['--print-after', 'fold-batch-norm'],
      ],
    ],
    [
      'eval, between batches',
      // The interpreter takes minutes; the first sign of progress comes after seconds.
      [
        ...['eval', model, '--data', `${models}cifar10-subset/eval`],
        ...['--backend', 'reference', '--batch', '1'],
      ],
    ],
    ['bench, between runs', ['bench', model, '--rounds', '1000000']],
  ])('ends %s', { timeout: 60_000 }, async (_, argv) => {
    const results = place.path('results');
    const { code, stdout, stderr, ms } = await cancelled(argv, results);
    expect(stderr).toMatch(/decouple: cancelled\n$/);
    expect({ code, stdout, left: readdirSync(results) }).toEqual({
      code: 130,
      stdout: '',
      left: [],
    });
    expect(ms).toBeLessThan(patienceMs);
  });
});
