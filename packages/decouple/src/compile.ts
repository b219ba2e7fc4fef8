/** From a graph to something that runs: the backend's own pipeline first, then its compiler. */
import type { Backend, CompileOptions, Executable } from '@decouple/backend';
import { bindShapes, symbolsOf, type Graph } from '@decouple/ir';
import { runPipeline } from '@decouple/pass-manager';
import { DataError } from '@decouple/tensor';
import { parsePipeline } from './passes.ts';

/** A graph in the form that a backend likes; outputs keep their names. */
export async function legalize(graph: Graph, backend: Backend): Promise<Graph> {
  const pipeline = parsePipeline(backend.legalize);
  return (await runPipeline(graph, pipeline, { verifyEach: false })).graph;
}

/**
 * A backend that brings every graph into the form it likes (`backend.legalize`) before it compiles it. Outputs keep
 * their names, so whoever compiles parts of networks to look at inner values, as calibration does, may use it too.
 */
export const withLegalization = (backend: Backend): Backend => ({
  name: backend.name,
  legalize: '',
  supports: (graph, node) => backend.supports(graph, node),
  compile: async (graph, options) => backend.compile(await legalize(graph, backend), options),
});

/**
 * Compiles a graph for a backend, for fixed shapes: symbolic dimensions are bound by `options.bind`, else to 1.
 * @throws UnsupportedError naming the nodes that the backend can't run; ModelError when sizes don't fit.
 */
export const compile = (
  graph: Graph,
  backend: Backend,
  options?: CompileOptions,
): Promise<Executable> => withLegalization(backend).compile(graph, options);

/** Sizes for the symbolic dimensions of `graph`, taken from the shapes of its inputs. @throws ModelError */
export function sizesFor(
  graph: Graph,
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, number> {
  bindShapes(graph, shapes);
  const sizes: Record<string, number> = {};
  for (const { name, type } of graph.inputs)
    type.shape.forEach((dim, axis) => {
      if (typeof dim === 'string') sizes[dim] = shapes[name]?.[axis] as number;
    });
  return sizes;
}

/** How a network of one input takes samples in batches. */
export interface Batching {
  readonly input: string;
  /** Samples per run: as wished, unless the file fixes it. */
  readonly size: number;
  readonly bind: Readonly<Record<string, number>>;
  readonly symbols: readonly string[];
}

/**
 * Fits batches of samples to a network.
 * @throws DataError when the network has several inputs or the samples have another shape.
 */
export function batchingFor(
  graph: Graph,
  data: { readonly name: string; readonly sampleShape: readonly number[] },
  wished: number,
): Batching {
  const [input, ...others] = graph.inputs;
  if (!input || others.length)
    throw new DataError(
      `${data.name}: a data set needs a network of one input, '${graph.name}' has ${graph.inputs.length}`,
    );
  const [batch, ...sample] = input.type.shape;
  const fits =
    sample.length === data.sampleShape.length &&
    sample.every((dim, axis) => typeof dim === 'string' || dim === data.sampleShape[axis]);
  if (!fits)
    throw new DataError(
      `${data.name}: samples are [${data.sampleShape.join(', ')}], input '${input.name}' of '${graph.name}' wants [${sample.join(', ')}]`,
    );
  const size = typeof batch === 'number' ? batch : wished;
  if (size < 1)
    throw new DataError(
      `${data.name}: input '${input.name}' of '${graph.name}' takes batches of ${size} samples`,
    );
  const bind = sizesFor(graph, { [input.name]: [size, ...data.sampleShape] });
  return { input: input.name, size, bind, symbols: symbolsOf(graph) };
}
