/** Every sample of every op: exported, run by onnxruntime, and compared with the interpreter. */
import {
  createGraph,
  interpret,
  ops,
  recordOf,
  typeOfTensor,
  type Graph,
  type Node,
  type OpKind,
} from '@decouple/ir';
import { createRandom, type Tensor } from '@decouple/tensor';
import { describe, expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { expectClose, runOrt } from './protos.ts';

/** Inputs that ONNX or the importer needs to know: the others are fed. */
const known = new Set(['weight', 'bias', 'scale', 'mean', 'variance', 'shape']);

function sampleGraph(
  op: OpKind,
  values: readonly (Tensor | undefined)[],
  attrs: unknown,
): { graph: Graph; feeds: Record<string, Tensor> } {
  const specs = recordOf(op).inputs;
  const constants = new Map<string, Tensor>();
  const feeds: Record<string, Tensor> = {};
  const inputs = values.map((value, index) => {
    if (!value) return '';
    const spec = specs[Math.min(index, specs.length - 1)]?.name ?? '';
    const name = `${spec}${index}`;
    if (known.has(spec)) constants.set(name, value);
    else feeds[name] = value;
    return name;
  });
  const node = { name: 'node', op, inputs, outputs: ['y'], attrs, origin: 'node' } as Node;
  const graph = createGraph({
    name: 'sample',
    inputs: Object.entries(feeds).map(([name, value]) => ({ name, type: typeOfTensor(value) })),
    outputs: ['y'],
    nodes: [node],
    constants,
  });
  return { graph, feeds };
}

const opsets = [7, 10, 13, 18, 21];

/** The file, or nothing when the op's form came only with a later operator set. */
function exported(graph: Graph, opset: number): Uint8Array<ArrayBuffer> | undefined {
  try {
    return exportOnnx(graph, { opset });
  } catch (error) {
    const since = /needs operator set (\d+)/.exec(String(error))?.[1];
    if (since === undefined || Number(since) <= opset || opset === opsets.at(-1)) throw error;
    return undefined;
  }
}

/** Why onnxruntime can't judge a sample. */
function departure(op: OpKind, attrs: Readonly<Record<string, unknown>>): string | undefined {
  if (op === 'average-pool' && attrs.ceil === true && attrs.countIncludePad === true)
    return 'onnxruntime does not count taps beyond the padding, the test data of ONNX does';
  return undefined;
}

const samplesOf = (op: OpKind) => recordOf(op).samples(createRandom(5));

it('covers every op but opaque', () => {
  const kinds = Object.keys(ops) as OpKind[];
  expect(kinds.filter((op) => samplesOf(op).length === 0)).toEqual(['opaque']);
});

describe.each((Object.keys(ops) as OpKind[]).filter((op) => op !== 'opaque'))('%s', (op) => {
  const samples = samplesOf(op);
  const cases = samples.map((sample) => {
    const reason = departure(op, sample.attrs);
    return [sample.name + (reason ? ` (${reason})` : ''), sample, reason === undefined] as const;
  });
  it.each(cases)('%s', async (_name, sample, compared) => {
    const { graph, feeds } = sampleGraph(op, sample.inputs, sample.attrs);
    const expected = interpret(graph, feeds);
    for (const opset of opsets) {
      const bytes = exported(graph, opset);
      if (!bytes) continue;
      if (compared) expectClose(await runOrt(bytes, feeds), expected);
      const again = importOnnx(bytes);
      expect(again.warnings).toEqual([]);
      expectClose(interpret(again.graph, feeds), expected);
    }
  });
});
