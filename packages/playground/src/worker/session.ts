/** What the worker does for the page: one model at a time, what became of it, and how fast both are. */
import {
  compareSpeed,
  cpu,
  DataError,
  evaluate,
  exportOnnx,
  messageOf,
  optimize,
  preprocessOf,
  profile,
  sampleDataset,
  syntheticDataset,
  UnsupportedError,
  withPreprocess,
  type Accuracy,
  type Dataset,
  type Graph,
  type KernelTime,
  type PipelineEvent,
  type Speed,
  type SpeedSetup,
} from 'decouple';
import type { AccuracyPair, Optimization, Settings } from '@decouple/report';
import {
  bundledClasses,
  bundledModel,
  bundledPreprocess,
  bundledShape,
  calibrationSet,
  fetchBytes,
  testSet,
} from './bundled.ts';
import { passForms, readItems, type PassForm } from './forms.ts';
import {
  openSizes,
  pictureOf,
  readSource,
  takes,
  viewOf,
  withSizes,
  type DrawingResult,
  type ModelView,
  type Sizes,
  type Source,
} from './model.ts';
import { classify, type Guess, type Picture } from './pictures.ts';
import type { CallContext } from './rpc.ts';
import { setupsHere, surroundings, type SetupInfo, type Surroundings } from './setups.ts';

/** What the page needs to know before anything is loaded. */
export interface Description {
  readonly passes: readonly PassForm[];
  readonly setups: readonly SetupInfo[];
  readonly surroundings: Surroundings;
}

/** A loaded model, and which images go with it. */
export interface Loaded extends ModelView {
  /** Whether the images that come with the page fit. */
  readonly fitsBundled: boolean;
  /** Rows and columns of pictures that the network takes; absent when it takes none. */
  readonly pictureSize?: readonly [rows: number, columns: number];
}

/** Images that passes see. */
export type CalibrationChoice = 'bundled' | 'synthetic' | 'none';

export interface OptimizeRequest {
  readonly pipeline: string;
  readonly calibration: CalibrationChoice;
  readonly samples: number;
  readonly seed: number;
  /** Whether to work out where the error comes from. */
  readonly ledger: boolean;
}

export interface Optimized {
  readonly optimization: Optimization;
  readonly settings: Omit<Settings, 'versions'>;
  readonly picture: DrawingResult;
}

export interface MeasureRequest {
  /** Names of {@link Description.setups}. */
  readonly setups: readonly string[];
  /** Bundled images that accuracy is measured on; 0 for none. */
  readonly images: number;
}

export interface Measured {
  readonly speeds: readonly Speed[];
  readonly accuracy?: AccuracyPair;
}

/** What the networks say to a picture. */
export interface Guesses {
  readonly before: readonly Guess[];
  readonly after?: readonly Guess[];
}

const here = surroundings();
const setups = setupsHere(here);

let source: Source | undefined;
let original: Graph | undefined;
let optimized: Graph | undefined;

function requireModel(): Graph {
  if (!original) throw new DataError('no model is loaded');
  return original;
}

/** Sizes a source anew. */
function open(from: Source, given?: Sizes): Loaded {
  const sizes = openSizes(from.graph, given);
  const graph = withSizes(from.graph, sizes);
  [source, original, optimized] = [from, graph, undefined];
  const fitsBundled = takes(graph, bundledShape);
  const [, channels, rows, columns] = graph.inputs[0]?.type.shape ?? [];
  const isPicture =
    graph.inputs.length === 1 &&
    (channels === 1 || channels === 3) &&
    typeof rows === 'number' &&
    typeof columns === 'number';
  return {
    ...viewOf(from, graph, sizes),
    fitsBundled,
    ...(isPicture && { pictureSize: [rows, columns] as const }),
  };
}

/** Images that passes are to see, for the model that is loaded. */
async function calibrationFor(request: OptimizeRequest): Promise<Dataset | undefined> {
  const graph = requireModel();
  if (request.calibration === 'none') return undefined;
  if (request.calibration === 'bundled') return calibrationSet();
  const [, ...shape] = graph.inputs[0]?.type.shape ?? [];
  const preprocess = preprocessOf(graph);
  return syntheticDataset({
    sampleShape: shape.map((dim) => (typeof dim === 'number' ? dim : 0)),
    samples: request.samples,
    seed: request.seed,
    ...(preprocess && { preprocess }),
  });
}

const showEvent =
  ({ progress }: CallContext) =>
  (event: PipelineEvent): void => {
    const { index, count, pass } = event;
    if (event.kind === 'progress')
      progress(index + event.done / Math.max(1, event.total), count, `${pass}: ${event.what}`);
    else if (event.kind === 'pass-start') progress(index, count, pass);
    else if (event.kind === 'pass-end') progress(index + 1, count, pass);
  };

/** Accuracies of both networks, as one job of `2·images` steps. */
async function accuracyOf(
  before: Graph,
  after: Graph,
  images: number,
  { signal, progress }: CallContext,
): Promise<AccuracyPair> {
  const data = sampleDataset(await testSet(), images, 0);
  const steps: Accuracy[] = [];
  for (const graph of [before, after])
    steps.push(
      await evaluate(graph, data, {
        signal,
        onProgress: (done, total) => progress(steps.length * total + done, 2 * total, 'accuracy'),
      }),
    );
  const [old, now] = steps as [Accuracy, Accuracy];
  return { data: data.name, before: old, after: now };
}

/** Milliseconds that a page takes to show what it was told. */
const paintMs = 200;

/** Tells the page what comes and waits until it stands still: painting takes cores that are about to be measured. */
async function announce({ progress }: CallContext, ...told: Parameters<CallContext['progress']>) {
  progress(...told);
  await new Promise((resolve) => setTimeout(resolve, paintMs));
}

/** Speeds on one backend. What goes wrong there, drivers included, takes no figures of others away. */
async function speedOn(
  before: Graph,
  after: Graph,
  setup: SpeedSetup,
  signal: AbortSignal,
): Promise<Speed> {
  const { backend, threads = 1 } = setup;
  try {
    const [speed] = await compareSpeed(before, after, [setup], { signal, rounds: 5 });
    return speed ?? { backend: backend.name, threads, failed: 'it was not measured' };
  } catch (error) {
    signal.throwIfAborted();
    return { backend: backend.name, threads, failed: messageOf(error) };
  }
}

/** The methods of the worker. */
export const methods = {
  describe: (): Description => ({
    passes: passForms(),
    setups: setups.map(({ id, label, usual }) => ({ id, label, usual })),
    surroundings: here,
  }),

  /** @throws OptionError */
  parse: (text: string) => readItems(text),

  /** @throws ModelError, UnsupportedError as the importers have it. */
  load: ({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): Loaded =>
    open(readSource(name, bytes)),

  async loadBundled(_: undefined, { signal, progress }: CallContext): Promise<Loaded> {
    progress(0, 1, `fetching ${bundledModel.name}`);
    const bytes = await fetchBytes(bundledModel.url, signal);
    const { graph, ...rest } = readSource(bundledModel.name, bytes);
    return open({ ...rest, graph: withPreprocess(graph, bundledPreprocess) });
  },

  /** @throws ModelError when the sizes don't fit. */
  resize(sizes: Sizes): Loaded {
    if (!source) throw new DataError('no model is loaded');
    return open(source, sizes);
  },

  /** Milliseconds of each kernel of the loaded model on one thread; none where that can't be. */
  async profile(_: undefined, context: CallContext): Promise<readonly KernelTime[]> {
    const { signal } = context;
    await announce(context, 0, 1, 'milliseconds of each layer');
    try {
      return (await profile(requireModel(), cpu(), { signal, runs: 5 })).kernels;
    } catch (error) {
      if (error instanceof UnsupportedError) return [];
      throw error;
    }
  },

  async optimize(request: OptimizeRequest, context: CallContext): Promise<Optimized> {
    const { pipeline, samples, seed, ledger } = request;
    const calibration = await calibrationFor(request);
    const { graph, report } = await optimize(requireModel(), pipeline, {
      calibration,
      samples,
      seed,
      ledger,
      signal: context.signal,
      onEvent: showEvent(context),
    });
    optimized = graph;
    const { before, after, passes, layers, ledger: errors } = report;
    return {
      optimization: {
        pipeline: report.pipeline,
        passes,
        before,
        after,
        layers,
        ...(errors && { ledger: errors }),
      },
      settings: {
        seed,
        ...(calibration && {
          calibration: { name: calibration.name, samples: Math.min(samples, calibration.samples) },
        }),
      },
      picture: pictureOf(graph),
    };
  },

  async measure(request: MeasureRequest, context: CallContext): Promise<Measured> {
    const [before, after] = [requireModel(), optimized];
    if (!after) throw new DataError('optimise the model first');
    const wanted = setups.filter(({ id }) => request.setups.includes(id));
    const accuracy =
      request.images > 0 && takes(before, bundledShape)
        ? await accuracyOf(before, after, request.images, context)
        : undefined;
    const speeds: Speed[] = [];
    for (const [index, { label, setup }] of wanted.entries()) {
      await announce(context, index, wanted.length, `speed on ${label}`);
      speeds.push(await speedOn(before, after, setup, context.signal));
    }
    return { speeds, ...(accuracy && { accuracy }) };
  },

  /** What both networks say to a picture; the classes of the bundled model have names. */
  async classify(picture: Picture): Promise<Guesses> {
    const graph = requireModel();
    const preprocess = preprocessOf(graph) ?? {};
    const labels = takes(graph, bundledShape) ? bundledClasses : [];
    const guess = (network: Graph) => classify(network, picture, preprocess, labels);
    return {
      before: await guess(graph),
      ...(optimized && { after: await guess(optimized) }),
    };
  },

  /** The optimised network as a file. */
  exportModel(): Uint8Array<ArrayBuffer> {
    if (!optimized) throw new DataError('optimise the model first');
    // A buffer of its own can be handed over.
    return exportOnnx(optimized).slice();
  },
};
export type SessionMethods = typeof methods;
