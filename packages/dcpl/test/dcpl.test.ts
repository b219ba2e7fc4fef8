/** Files of graphs: exact, and the same bytes every time. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { randomGraphs } from '@decouple/conformance';
import { createGraph, graphBuilder, type Graph, type Node } from '@decouple/ir';
import {
  allocate,
  DataError,
  dtypes,
  float32,
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
