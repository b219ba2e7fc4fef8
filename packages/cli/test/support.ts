/** A folder with a tiny model and data, and commands run in process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom, float32, graphBuilder, int64, normals, type Graph } from 'decouple';
import { writeModel, writeNpy } from 'decouple/node';
import { main, type Io } from '../src/index.ts';

/** Two 3×3 convolutions, pooling and a linear layer: 8×8 images, 6 classes, a dynamic batch. */
function tinyNetwork(): Graph {
  const random = createRandom(1);
  const b = graphBuilder('tiny');
  const weight = (name: string, shape: readonly number[], scale: number): string => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return b.constant(name, float32(shape, normals(random, size, scale)));
  };
  let value = b.input('input', ['N', 3, 8, 8]);
  value = b.node(
    'conv2d',
    [value, weight('w1', [16, 3, 3, 3], 0.3)],
    { pads: [1, 1, 1, 1] },
    'conv1',
  );
  value = b.node('relu', [value], {}, 'relu1');
  value = b.node(
    'conv2d',
    [value, weight('w2', [16, 16, 3, 3], 0.1)],
    { pads: [1, 1, 1, 1] },
    'conv2',
  );
  value = b.node('global-average-pool', [value], {}, 'pool');
  value = b.node('flatten', [value], {}, 'flat');
  return b.build([b.node('linear', [value, weight('fc', [6, 16], 0.5)], {}, 'logits')]);
}

export interface Workplace {
  readonly folder: string;
  /** `tiny.onnx` */
  readonly model: string;
  /** A folder with `eval_x.npy` and `eval_y.npy`: twelve images. */
  readonly data: string;
  /** Two images as float32. */
  readonly input: string;
  path(name: string): string;
  clear(): Promise<void>;
}

export async function createWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'decouple-cli-'));
  const path = (name: string): string => join(folder, name);
  const random = createRandom(2);
  await writeModel(path('tiny.onnx'), tinyNetwork());
  await writeNpy(path('data/eval_x.npy'), float32([12, 3, 8, 8], normals(random, 12 * 192)));
  await writeNpy(path('data/eval_y.npy'), int64(Array.from({ length: 12 }, () => random.below(6))));
  await writeNpy(path('x.npy'), float32([2, 3, 8, 8], normals(random, 2 * 192)));
  return {
    folder,
    model: path('tiny.onnx'),
    data: path('data'),
    input: path('x.npy'),
    path,
    clear: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in process. */
export async function decouple(
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  const io: Io = {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    signal,
  };
  const code = await main(argv, io);
  return { code, stdout, stderr };
}

/** Runs a command with `--json`; fails unless it succeeds with nothing but JSON on standard output. */
export async function decoupleJson<T>(...argv: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await decouple([...argv, '--json']);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
