/** What several commands read: models with their shapes, data sets with their normalisation. */
import type { Dataset, Graph, Preprocess, Rates } from 'decouple';
import { inputNamed, type ForInput } from './arguments.ts';
import { warn, type Io } from './io.ts';
import { withProgress } from './progress.ts';

/** The graph with its symbolic sizes taken from the given shapes; others stay symbolic. @throws ModelError */
async function withShapes(
  graph: Graph,
  shapes: readonly ForInput<readonly number[]>[],
): Promise<Graph> {
  const { bindSymbols, ModelError } = await import('decouple');
  const sizes: Record<string, number> = {};
  for (const { input, value } of shapes) {
    const name = await inputNamed(graph, input);
    const wanted = graph.inputs.find((each) => each.name === name)?.type.shape ?? [];
    const fits =
      wanted.length === value.length &&
      wanted.every((dim, axis) => {
        const size = value[axis] as number;
        if (typeof dim === 'number') return dim === size;
        return (sizes[dim] ??= size) === size;
      });
    if (!fits)
      throw new ModelError(`input '${name}' is [${wanted.join(', ')}], got ${value.join('x')}`);
  }
  return Object.keys(sizes).length ? bindSymbols(graph, sizes) : graph;
}

/** Reads a model; what the importer could not understand becomes warnings on standard error. */
export async function loadModel(
  io: Io,
  path: string,
  shapes: readonly ForInput<readonly number[]>[] = [],
): Promise<Graph> {
  const { readModel } = await import('decouple/node');
  const graph = await readModel(path, {
    onWarning: ({ message, nodes, count }) =>
      warn(io, `${message} (${nodes.slice(0, 3).join(', ')}${count > 3 ? ', …' : ''})`),
  });
  return withShapes(graph, shapes);
}

export interface DataOptions {
  readonly mean?: readonly number[] | undefined;
  readonly std?: readonly number[] | undefined;
}

/** Normalisation from the options, else from a preprocess.json beside the data or the model, else from the model. */
export async function preprocessFor(
  data: string,
  model: { readonly path: string; readonly graph: Graph },
  { mean, std }: DataOptions,
): Promise<Preprocess | undefined> {
  const [{ preprocessOf }, { readPreprocess }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  if (mean || std) return { ...(mean && { mean }), ...(std && { std }) };
  return readPreprocess(data) ?? readPreprocess(model.path) ?? preprocessOf(model.graph);
}

/** Opens a data set for a model. */
export async function loadData(
  path: string,
  model: { readonly path: string; readonly graph: Graph },
  options: DataOptions,
): Promise<Dataset> {
  const { openDataset } = await import('decouple/node');
  const sample = model.graph.inputs[0]?.type.shape.slice(1) ?? [];
  const sampleShape = sample.every((dim) => typeof dim === 'number') ? sample : undefined;
  const preprocess = await preprocessFor(path, model, options);
  return openDataset(path, {
    ...(sampleShape && { sampleShape }),
    ...(preprocess && { preprocess }),
  });
}

/** What this machine takes for the work of kernels; measured when it was not yet. */
export async function loadRates(io: Io): Promise<Rates> {
  const { machineRates } = await import('decouple/node');
  return withProgress(io, 'measuring this machine', (update) =>
    machineRates({ signal: io.signal, onProgress: update }),
  );
}
