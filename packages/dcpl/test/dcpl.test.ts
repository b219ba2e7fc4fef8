/** Files of graphs: exact, the same bytes every time, and closed to hostile bytes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { randomGraphs } from '@decouple/conformance';
import { createGraph, graphBuilder, typeOfTensor, type Graph, type Node } from '@decouple/ir';
import {
  allocate,
  createRandom,
  DataError,
  dtypes,
  float32,
  ModelError,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeDcpl, encodeDcpl } from '../src/index.ts';
import { readDcpl, writeDcpl } from '../src/node.ts';

const folder = mkdtempSync(join(tmpdir(), 'decouple-dcpl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One tensor of every element type, with extreme values. */
function allTypes(): Map<string, Tensor> {
  const extremes = (dtype: DType): Tensor => {
    const data = allocate(dtype, 3) as unknown as { [index: number]: number | bigint };
    const wide = dtype === 'int64' || dtype === 'uint64';
    const isFloat = dtype === 'float32' || dtype === 'float64';
    data[0] = wide ? 2n ** 62n : dtype === 'bool' ? 1 : isFloat ? -0 : 127;
    data[1] = wide ? 1n : isFloat ? 1e-40 : 1;
    return tensor(dtype, [3, 1], data as unknown as Tensor['data']);
  };
  return new Map(dtypes.map((dtype) => [`%${dtype} "é 本"`, extremes(dtype)]));
}

/** A graph with everything that a file holds: symbols, absent inputs, opaque nodes, origins, metadata. */
function oddGraph(): Graph {
  const constants = new Map([...allTypes(), ['empty', float32([0, 4], [])]] as const);
  const b = graphBuilder('odd "name"\n');
  const x = b.input('x', ['N', 3, 'floor((H-1)/2)+1', 8]);
  const y = b.node('clip', [x], { min: -0, max: 1e300 }, 'y');
  const z = b.node(
    'conv2d',
    [y, b.constant('w', float32([3, 3, 1, 1], new Float32Array(9))), '', y],
    { activation: { kind: 'leaky-relu', alpha: 0.1 } },
    'z',
  );
  const built = b.build([z]);
  const mystery = {
    name: 'mystery',
    op: 'opaque',
    inputs: ['z', ''],
    outputs: ['m', 'n'],
    origin: 'elsewhere',
    attrs: {
      domain: 'com.example',
      opset: 3,
      opType: 'Mystery',
      payload: 'AAAA',
      outputTypes: [{ dtype: 'float32', shape: ['N', 3] }, null],
    },
  } as unknown as Node;
  return createGraph({
    ...built,
    nodes: [...built.nodes, mystery],
    constants: new Map([...built.constants, ...constants]),
    outputs: ['z', 'm', ...constants.keys()],
    metadata: {
      producer: 'someone',
      'decouple.pipeline': '[{"pipeline":"fuse","seed":1}]',
      __proto__x: '',
    },
  });
}

const equal = (a: Graph, b: Graph): boolean =>
  isDeepStrictEqual(a, b) &&
  isDeepStrictEqual([...a.constants.keys()], [...b.constants.keys()]) &&
  isDeepStrictEqual(Object.entries(a.metadata), Object.entries(b.metadata));

describe('graph → bytes → graph', () => {
  it('is exact for random networks, and gives the same bytes again', () => {
    fc.assert(
      fc.property(randomGraphs, ({ graph }) => {
        const bytes = encodeDcpl(graph);
        const again = decodeDcpl(bytes);
        expect(equal(again, graph)).toBe(true);
        expect(Buffer.compare(encodeDcpl(again), bytes)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('is exact for everything odd', () => {
    const graph = oddGraph();
    expect(equal(decodeDcpl(encodeDcpl(graph)), graph)).toBe(true);
  });

  it('shares the memory of the file, aligned', () => {
    const bytes = encodeDcpl(oddGraph());
    for (const { data } of decodeDcpl(bytes).constants.values()) {
      expect(data.buffer).toBe(bytes.buffer);
      expect(data.byteOffset % 64).toBe(0);
    }
    const shifted = new Uint8Array(bytes.length + 1).subarray(1);
    shifted.set(bytes);
    expect(equal(decodeDcpl(shifted), oddGraph())).toBe(true);
    expect(Buffer.from(bytes.subarray(4, 8)).toString()).toBe('DCPL');
  });
});

describe('files', () => {
  it('are written whole and read back', async () => {
    const path = join(folder, 'odd.dcpl');
    await writeDcpl(path, oddGraph());
    expect(Buffer.compare(readFileSync(path), encodeDcpl(oddGraph()))).toBe(0);
    expect(equal(await readDcpl(path), oddGraph())).toBe(true);
    expect(readdirSync(folder)).toEqual(['odd.dcpl']);
  });

  it('name themselves in errors', async () => {
    await expect(readDcpl(join(folder, 'gone.dcpl'))).rejects.toThrow(DataError);
    const path = join(folder, 'broken.dcpl');
    writeFileSync(path, 'nothing of the kind');
    await expect(readDcpl(path)).rejects.toThrow(/^broken\.dcpl: no identifier 'DCPL'/);
  });
});

/** A small file, so that each byte of it matters. */
function smallFile(): Uint8Array<ArrayBuffer> {
  const b = graphBuilder('n');
  const x = b.input('x', ['N', 2]);
  const w = b.constant('w', float32([2], [1, 2]));
  return encodeDcpl(b.build([b.node('add', [b.node('relu', [x], {}, 'r'), w], {}, 'y')]));
}

/** Whether bytes read; anything thrown must be a ModelError with the file's name. */
function reads(bytes: Uint8Array): boolean {
  try {
    const graph = decodeDcpl(bytes, 'bad.dcpl');
    for (const [name, value] of graph.constants)
      expect(typeOfTensor(value).shape, name).toEqual(value.shape);
    return true;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    expect(error.message).toMatch(/^bad\.dcpl: /);
    return false;
  }
}

describe('hostile bytes', () => {
  const small = smallFile();

  it('are refused at every truncation', () => {
    for (let length = 0; length < small.length; length++)
      expect(reads(small.slice(0, length)), `${length} of ${small.length}`).toBe(false);
    expect(reads(small)).toBe(true);
  });

  it('survive any changed byte', () => {
    for (let at = 0; at < small.length; at++)
      for (const change of [1, 4, 0x10, 0x80, 0xff]) {
        const damaged = Uint8Array.from(small);
        damaged[at] = (damaged[at] as number) ^ change;
        reads(damaged);
      }
  });

  it('survive random words', () => {
    const random = createRandom(5);
    for (let round = 0; round < 3000; round++) {
      const damaged = Uint8Array.from(small);
      const view = new DataView(damaged.buffer);
      for (let count = 0; count < 2; count++)
        view.setUint32(4 * random.below(small.length >> 2), random.below(2 ** 32), true);
      reads(damaged);
    }
  });

  it('name the place', () => {
    const changed = (
      change: (view: DataView, at: (text: string) => number) => void,
    ): Uint8Array => {
      const bytes = Uint8Array.from(small);
      const at = (text: string): number => Buffer.from(bytes).indexOf(text);
      change(new DataView(bytes.buffer), at);
      return bytes;
    };
    const type = changed((view, at) => view.setUint8(at('float32[2]') + 8, '3'.charCodeAt(0)));
    expect(() => decodeDcpl(type)).toThrow(/constant 'w': float32\[3\] has not 8 bytes/);
    const op = changed((view, at) => view.setUint8(at('relu'), 'q'.charCodeAt(0)));
    expect(() => decodeDcpl(op)).toThrow(/node 'r': unknown op 'qelu'/);
    const string = changed((view, at) => view.setUint32(at('relu') - 4, 1 << 20, true));
    expect(() => decodeDcpl(string)).toThrow(/model\.nodes\[0\]\.op: an offset leads to/);
    const word = changed((view, at) => view.setUint8(at('relu'), 0xff));
    expect(() => decodeDcpl(word)).toThrow(/model\.nodes\[0\]\.op: is not UTF-8/);
  });

  it('can not send the reader to one place again and again', () => {
    // A vector of 10,000 offsets to one long text.
    const b = graphBuilder('n');
    const name = 'v'.repeat(10_000);
    const graph = b.build([b.node('relu', [b.input('x', [1])], {}, name)]);
    const bytes = encodeDcpl({
      ...graph,
      outputs: [name, ...Array.from({ length: 2000 }, (_, index) => `o${index}`)],
    });
    const view = new DataView(bytes.buffer);
    const long = Buffer.from(bytes).indexOf(name) - 4;
    // The outputs are the vector of 2001 offsets.
    let at = 0;
    while (view.getUint32(at, true) !== 2001) at += 4;
    for (let index = 0; index < 2001; index++) {
      const slot = at + 4 + 4 * index;
      if (long > slot) view.setUint32(slot, long - slot, true);
    }
    expect(() => decodeDcpl(bytes)).toThrow(/overlap/);
  });

  it('of another version are refused', () => {
    const bytes = Uint8Array.from(small);
    const view = new DataView(bytes.buffer);
    const root = view.getUint32(0, true);
    const layout = root - view.getInt32(root, true);
    view.setUint32(root + view.getUint16(layout + 4, true), 2, true);
    expect(() => decodeDcpl(bytes)).toThrow(/version 2 of the format, this build reads 1/);
  });
});
