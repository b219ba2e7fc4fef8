/**
 * Everything that a network goes through: verify, inspect, optimise, export, compile and run, on the interpreter and
 * on the CPU backend. Steps that take time or memory are left out for networks that are not small.
 */
import { bindForCompile } from '@decouple/backend';
import { conformanceCases } from '@decouple/conformance';
import { bytesOf, costOf, peakBytes, type Graph } from '@decouple/ir';
import {
  bindShapes,
  compile,
  cpu,
  createRandom,
  exportOnnx,
  inspect,
  optimize,
  reference,
  verify,
  type Tensor,
} from 'decouple';
import { InvariantError, normals, sizeOf, tensor, allocate } from '@decouple/tensor';

/** What is small: work of all nodes together, bytes alive, nodes. */
const maxWork = 300_000;
const maxBytes = 2 ** 20;
const maxNodes = 100;

const pipeline = 'fold-constants, fold-batch-norm, decouple{terms=1}, fuse';

function isSmall(graph: Graph): boolean {
  if (graph.nodes.length > maxNodes || peakBytes(graph) > maxBytes) return false;
  const work = graph.nodes.reduce((sum, node) => {
    const { macs, bytes } = costOf(graph, node);
    return sum + macs + bytes;
  }, 0);
  return work < maxWork;
}

function inputsOf(graph: Graph): Record<string, Tensor> {
  const random = createRandom(1);
  return Object.fromEntries(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape as number[];
      const data =
        type.dtype === 'float32'
          ? normals(random, sizeOf(shape))
          : allocate(type.dtype, sizeOf(shape));
      return [name, tensor(type.dtype, shape, data)];
    }),
  );
}

async function run(graph: Graph): Promise<void> {
  const inputs = inputsOf(bindForCompile(graph));
  bindShapes(graph, Object.fromEntries(Object.entries(inputs).map(([k, { shape }]) => [k, shape])));
  for (const backend of [reference(), cpu()]) {
    const executable = await compile(graph, backend);
    try {
      await executable.run(inputs);
    } finally {
      executable.dispose();
    }
  }
}

/** @throws whatever the steps throw; InvariantError when a graph that was accepted has problems. */
export async function exercise(graph: Graph): Promise<void> {
  const [problem] = verify(graph);
  if (problem) throw new InvariantError(`accepted, but: ${problem.node}: ${problem.message}`);
  inspect(graph);
  if (!isSmall(bindForCompile(graph))) return;
  const result = await optimize(graph, pipeline);
  exportOnnx(result.graph);
  await run(graph);
  await run(result.graph);
}

/** Bytes of constants and values of a graph, to choose seeds by. */
const sizeOfGraph = (graph: Graph): number =>
  [...graph.constants.values(), ...graph.types.values()].reduce(
    (sum, type) => sum + bytesOf(type),
    0,
  );

/** Small graphs to start from, one or more of every op. */
export const seedGraphs = (): Graph[] =>
  conformanceCases()
    .map(({ graph }) => graph)
    .filter((graph) => sizeOfGraph(graph) < 8000);
