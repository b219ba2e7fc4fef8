import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { printGraph } from '@decouple/ir';
import {
  DataError,
  decodeReproducer,
  definePass,
  encodeReproducer,
  InvariantError,
  optimize,
  OptionError,
  reproduce,
  type Reproducer,
} from '../src/index.ts';
import { readReproducer, versions, writeReproducer } from '../src/node.ts';
import { tinyClassifier, tinyData } from './models.ts';

const options = z.strictObject({ limit: z.int().default(1000).describe('nodes at most') });

/** Fails by what it draws and what calibration shows, when the network is small enough. */
const picky = definePass({
  name: 'picky',
  summary: '',
  effect: 'exact',
  options,
  run: async (graph, { limit }, { random, calibration }) => {
    const drawn = random.uniform();
    let sum = 0;
    await calibration?.observe(calibration.original, ['conv1'], ({ values }) => {
      sum += (values.get('conv1')?.data[0] ?? 0) as number;
    });
    if (graph.nodes.length < limit) throw new InvariantError(`drew ${drawn}, saw ${sum}`);
    return graph;
  },
});

async function fail(text: string, withData = false): Promise<Reproducer> {
  let made: Reproducer | undefined;
  const calibration = withData ? tinyData(12) : undefined;
  const run = optimize(tinyClassifier(), text, {
    passes: [picky],
    seed: 4,
    samples: 7,
    calibration,
    onFailure: (reproducer) => void (made = reproducer),
  });
  await expect(run).rejects.toThrow("pass 'picky'");
  if (!made) throw new Error('no reproducer');
  return made;
}

const bytesOf = (reproducer: Reproducer): Uint8Array => Buffer.concat(encodeReproducer(reproducer));

describe('a failed run', () => {
  const text = 'picky{limit=1}, fold-batch-norm, picky, fuse';

  it('leaves what fails in the same way when run once more', async () => {
    const made = await fail(text, true);
    expect(made.graph.nodes.some(({ op }) => op === 'batch-normalization')).toBe(false);
    expect(made).toMatchObject({
      pipeline: ['picky', 'fuse'],
      ran: { picky: 1, 'fold-batch-norm': 1 },
      seed: 4,
      samples: 7,
      data: { path: 'tiny-data' },
      error: { pass: 'picky', kind: 'InvariantError' },
    });
    const read = decodeReproducer(bytesOf(made));
    const run = (calibration = tinyData(12)) => reproduce(read, { passes: [picky], calibration });
    expect(await run()).toMatchObject({ reproduced: true });
    const other = await run(tinyData(12, 9));
    expect(other.reproduced).toBe(false);
    expect(other.actual?.message).not.toBe(other.expected.message);
  });

  it('tells when the error is gone, and which passes are missing', async () => {
    const made = await fail('picky');
    const mended = definePass({ ...picky, run: (graph) => graph });
    expect(await reproduce(made, { passes: [mended] })).toMatchObject({ reproduced: false });
    await expect(reproduce(made)).rejects.toThrow(OptionError);
  });
});

describe('the file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decouple-reproducer-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds everything, each weight once, and nothing else is left behind', async () => {
    const made = { ...(await fail('fuse, picky', true)), versions: versions() };
    const path = await writeReproducer(folder, made);
    expect(await readdir(folder)).toEqual(['decouple-reproducer-picky.safetensors']);
    const read = await readReproducer(path);
    expect(printGraph(read.graph)).toBe(printGraph(made.graph));
    expect(printGraph(read.original!)).toBe(printGraph(made.original!));
    expect({ ...read, graph: 0, original: 0 }).toEqual({ ...made, graph: 0, original: 0 });
    const bytes = await readFile(path);
    const header = Number(bytes.readBigUInt64LE(0));
    const weights = [...made.graph.constants.values()];
    expect(bytes.length - 8 - header).toBe(
      weights.reduce((sum, { data }) => sum + data.byteLength, 0),
    );
    // The header of a safetensors file: a name, an element type and a range of bytes for each tensor.
    const entries = JSON.parse(bytes.toString('utf8', 8, 8 + header)) as Record<string, object>;
    expect(entries.t0).toEqual({
      dtype: 'F32',
      shape: weights[0]?.shape,
      data_offsets: [0, weights[0]?.data.byteLength],
    });
  });

  it('gives DataErrors when it is damaged, whatever is wrong', async () => {
    const good = bytesOf(await fail('picky'));
    const text = Buffer.from(good).toString('latin1');
    const check = (bytes: Uint8Array): void => {
      try {
        decodeReproducer(bytes, 'r');
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        expect((error as Error).message).toMatch(/^r: not a reproducer: ./);
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
          fc.tuple(fc.nat(Math.min(9000, good.length - 1)), fc.nat(255)).map(([at, byte]) => {
            const bytes = good.slice();
            bytes[at] = byte;
            return bytes;
          }),
          fc.uint8Array({ maxLength: 40 }),
          fc
            .tuple(
              fc.constantFrom('[16,3,3,3]', '"t1"', 'F32', '"seed":4', '"picky"', 'conv2d'),
              fc.constantFrom('[1e9,1e9]', '"t99"', 'F64', '"seed":0.5', '3', '[['),
            )
            .map(([from, to]) => {
              const [head = '', ...rest] = text.replace(from, to).split('}}', 1);
              return Buffer.from(head + rest.join('}}'), 'latin1');
            }),
        ),
        check,
      ),
      { numRuns: 400, seed: 1 },
    );
  });

  it.each([
    ['[16,3,3,3]', '[9e9,3,3,3]', /Invalid|bytes|too|Too/],
    ['"t1"', '"t9"', /has no data|bytes/],
    ['decouple-reproducer 1', 'decouple-reproducer 2', /__metadata__.format/],
  ])('says what is wrong with %s → %s', async (from, to, message) => {
    const bytes = Buffer.from(bytesOf(await fail('picky')));
    const length = Number(bytes.readBigUInt64LE(0));
    const text = bytes.toString('utf8', 8, 8 + length).replace(from, to);
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    const changed = Buffer.concat([head, Buffer.from(text), bytes.subarray(8 + length)]);
    expect(() => decodeReproducer(changed, 'r')).toThrow(DataError);
    expect(() => decodeReproducer(changed, 'r')).toThrow(message);
  });
});
