/** Runs one of ONNX's backend tests and says how it went: never throws. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Backend } from '@decouple/backend';
import { decodeTensor, operatorsOf, type DeclaredTensor } from '@decouple/onnx';
import { readOnnx } from '@decouple/onnx/node';
import {
  DataError,
  float32,
  messageOf,
  ModelError,
  sameShape,
  sizeOf,
  UnsupportedError,
  type Tensor,
} from '@decouple/tensor';
import { compile, sizesFor, type Graph } from 'decouple';
import type { BackendTest, DataSet } from './find.ts';

/** Some of the tests are whole networks whose weights are filled by nodes. */
const foldingLimit = 2 ** 28;

export type Outcome = 'passed' | 'failed' | 'unsupported';

export interface TestResult {
  readonly test: string;
  readonly outcome: Outcome;
  /** Why it did not pass. */
  readonly reason?: string;
  /** Distinct operators of the model. */
  readonly ops: readonly string[];
}

type Tensors = Readonly<Record<string, Tensor>>;

/** The tolerances of ONNX's own runner. */
const tolerance = { relative: 1e-3, absolute: 1e-5 };

const readTensor = (path: string): DeclaredTensor =>
  decodeTensor(readFileSync(path), basename(path));

/** 16-bit floats are computed as float32 here: a test of their rounding can't tell anything. */
function requireOwnType({ elementType, name }: DeclaredTensor): void {
  if (elementType.includes('FLOAT16'))
    throw new UnsupportedError(`'${name}' is ${elementType}: 16-bit floats are widened to float32`);
}

function closeEnough(actual: number, expected: number): boolean {
  if (actual === expected || (Number.isNaN(actual) && Number.isNaN(expected))) return true;
  const gap = Math.abs(actual - expected);
  return gap <= tolerance.absolute + tolerance.relative * Math.abs(expected);
}

/** What is wrong with an output, or nothing. */
function mismatch(actual: Tensor | undefined, expected: Tensor): string | undefined {
  if (!actual) return 'is missing';
  if (actual.dtype !== expected.dtype) return `is ${actual.dtype}, expected ${expected.dtype}`;
  if (!sameShape(actual.shape, expected.shape))
    return `is [${actual.shape.join(',')}], expected [${expected.shape.join(',')}]`;
  for (let index = 0; index < expected.data.length; index++) {
    const [got, wanted] = [Number(actual.data[index]), Number(expected.data[index])];
    if (!closeEnough(got, wanted)) return `at ${index} is ${got}, expected ${wanted}`;
  }
  return undefined;
}

/** Names of the inputs that the test feeds, in order. */
async function inputNames(model: string): Promise<string[]> {
  const { graph } = await readOnnx(model);
  return graph.inputs.map(({ name }) => name);
}

/** arange(n)/n in the shape of each input, as the light models are tested. */
function ramps(graph: Graph): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
      const size = sizeOf(shape);
      return [
        name,
        float32(
          shape,
          Float32Array.from({ length: size }, (_, at) => at / size),
        ),
      ];
    }),
  );
}

async function readInputs(test: BackendTest, set: DataSet): Promise<Tensors> {
  if (!set.inputs) return ramps((await readOnnx(test.model)).graph);
  const names = await inputNames(test.model);
  const given = set.inputs.map(readTensor);
  given.forEach(requireOwnType);
  return Object.fromEntries(
    given.map(({ name, value }, index) => {
      const known = names.includes(name) ? name : names[index];
      if (known === undefined) throw new DataError(`${given.length} inputs for ${names.length}`);
      return [known, value];
    }),
  );
}

/**
 * The graph, with as few inputs made constant as it takes to understand every node: tests feed lists such as the
 * target of a reshape, which models hold as constants.
 * @throws UnsupportedError with the reason why a node is not understood.
 */
async function importTest(model: string, inputs: Tensors): Promise<{ graph: Graph; fed: Tensors }> {
  const names = Object.keys(inputs);
  const pick = (chosen: readonly string[]): Tensors =>
    Object.fromEntries(chosen.map((name) => [name, inputs[name] as Tensor]));
  let reason = '';
  for (const fed of [names, names.slice(0, 1), []]) {
    const fixed = pick(names.filter((name) => !fed.includes(name)));
    const { graph, warnings } = await readOnnx(model, { fixed, folding: foldingLimit });
    if (!graph.nodes.some(({ op }) => op === 'opaque')) return { graph, fed: pick(fed) };
    reason ||= warnings.find(({ message }) => message.includes('opaque'))?.message ?? 'opaque node';
  }
  throw new UnsupportedError(reason);
}

async function runGraph(graph: Graph, fed: Tensors, backend: Backend): Promise<Tensors> {
  const known = graph.outputs.map((name) => [name, graph.constants.get(name)] as const);
  if (known.every(([, value]) => value)) return Object.fromEntries(known) as Tensors;
  const shapes = Object.fromEntries(Object.entries(fed).map(([name, { shape }]) => [name, shape]));
  const executable = await compile(graph, backend, { bind: sizesFor(graph, shapes) });
  try {
    return await executable.run(fed);
  } finally {
    executable.dispose();
  }
}

async function runDataSet(test: BackendTest, set: DataSet, backend: Backend): Promise<void> {
  const expected = set.outputs.map(readTensor);
  expected.forEach(requireOwnType);
  if (!expected.length) throw new DataError('no expected outputs');
  const { graph, fed } = await importTest(test.model, await readInputs(test, set));
  const actual = await runGraph(graph, fed, backend);
  expected.forEach(({ value }, index) => {
    const name = graph.outputs[index] ?? '';
    const wrong = mismatch(actual[name], value);
    if (wrong) throw new ModelError(`output '${name}' ${wrong}`);
  });
}

function operators(path: string): string[] {
  try {
    return operatorsOf(readFileSync(path), basename(path));
  } catch {
    return [];
  }
}

/** Runs a test on a backend. An operator or element type that is not known makes it `unsupported`. */
export async function runTest(test: BackendTest, backend: Backend): Promise<TestResult> {
  const ops = operators(test.model);
  try {
    if (!test.dataSets.length) throw new DataError('no test_data_set_0');
    for (const set of test.dataSets) await runDataSet(test, set, backend);
    return { test: test.name, outcome: 'passed', ops };
  } catch (error) {
    const outcome = error instanceof UnsupportedError ? 'unsupported' : 'failed';
    return { test: test.name, outcome, reason: messageOf(error), ops };
  }
}
