/** Cases from the op records: every sample as a one-node graph, in variants that differ in what is constant. */
import {
  bindSymbols,
  createGraph,
  ops,
  recordOf,
  typeOfTensor,
  type Graph,
  type Node,
  type OpKind,
} from '@decouple/ir';
import { createRandom, float32, normals, sizeOf, type Tensor } from '@decouple/tensor';
import type { Tensors } from '@decouple/backend';
import { testModels } from './models/index.ts';

/** A network with the inputs to run it on; the interpreter gives the expected outputs. */
export interface ConformanceCase {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: Tensors;
}

/** Inputs that are parameters in every real network. */
const parameters = new Set(['weight', 'bias', 'scale', 'mean', 'variance', 'indices', 'shape']);

interface SampleNode {
  readonly op: OpKind;
  readonly names: readonly string[];
  readonly values: readonly (Tensor | undefined)[];
  readonly attrs: unknown;
}

function caseOf(
  name: string,
  sample: SampleNode,
  isConstant: (index: number) => boolean,
): ConformanceCase {
  const { op, names, values, attrs } = sample;
  const constants = new Map<string, Tensor>();
  const inputs: Record<string, Tensor> = {};
  values.forEach((value, index) => {
    if (!value) return;
    if (isConstant(index)) constants.set(names[index] as string, value);
    else inputs[names[index] as string] = value;
  });
  const node = {
    name: 'node',
    op,
    inputs: values.map((value, index) => (value ? (names[index] as string) : '')),
    outputs: ['y'],
    attrs,
    origin: 'node',
  } as Node;
  const graph = createGraph({
    name: op,
    inputs: Object.entries(inputs).map(([input, value]) => ({
      name: input,
      type: typeOfTensor(value),
    })),
    outputs: ['y'],
    nodes: [node],
    constants,
  });
  return { name, graph, inputs };
}

/** Up to three variants of a sample: parameters constant, nothing constant, all but the first input constant. */
function variantsOf(name: string, sample: SampleNode): ConformanceCase[] {
  const count = sample.values.length;
  const variants: readonly (readonly [string, (index: number) => boolean])[] = [
    ['', (index) => parameters.has(sample.names[index] as string)],
    [', nothing constant', () => false],
    [', one input', (index) => index > 0],
  ];
  const seen = new Set<string>();
  return variants.flatMap(([suffix, isConstant]) => {
    const key = Array.from(
      { length: count },
      (_, index) => isConstant(index) && sample.values[index],
    );
    const text = key.map((value) => (value ? 'c' : 'i')).join('');
    if (seen.has(text)) return [];
    seen.add(text);
    return [caseOf(name + suffix, sample, isConstant)];
  });
}

/** One-node graphs of every sample of every op record; always the same ones. */
export function conformanceCases(): ConformanceCase[] {
  return (Object.keys(ops) as OpKind[]).flatMap((op) => {
    const record = recordOf(op);
    return record.samples(createRandom(1).fork(op)).flatMap((sample) => {
      const names = sample.inputs.map((_, index) => {
        const spec = record.inputs[Math.min(index, record.inputs.length - 1)];
        return spec?.variadic ? `${spec.name}${index}` : (spec?.name ?? `input${index}`);
      });
      return variantsOf(`${op}: ${sample.name}`, {
        op,
        names,
        values: sample.inputs,
        attrs: sample.attrs,
      });
    });
  });
}

/** The small test models, for a batch of two and standard normal inputs. */
export const modelCases = (seed = 1): ConformanceCase[] =>
  testModels(seed).map(({ name, graph }) => {
    const bound = bindSymbols(graph, { N: 2 });
    const random = createRandom(seed).fork(name);
    const inputs = Object.fromEntries(
      bound.inputs.map((input) => {
        const shape = input.type.shape as readonly number[];
        return [input.name, float32(shape, normals(random, sizeOf(shape)))];
      }),
    );
    return { name: `model: ${name}`, graph: bound, inputs };
  });
