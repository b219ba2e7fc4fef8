/**
 * Where the error of an optimised network comes from: after every pass, how far each layer's response and the outputs
 * are from those of the original network, and what each pass did to each layer.
 *
 * Errors are ‖y − y₀‖² / ‖y₀ − mean(y₀)‖² over all samples, with a mean per channel, as those of the fits.
 *
 *   error   of a response: of the network after the pass, as it is, with all errors of the layers before it
 *   local   of a response: the layer alone, run on the inputs that it has in the original network
 *   alone   at the outputs: the original network with only this layer's response replaced by the local one
 *   added   alone after the pass, minus alone of the same part of the network before it: what this pass did there
 *
 * A layer is the part of the changed network between values that have the same names in both networks, because what a
 * pass replaces keeps its name. The parts of a layer's error that later layers repair show in `error`, not in `alone`,
 * and `alone` does not add up exactly to the error at the outputs.
 */
import type { Backend } from '@decouple/backend';
import { batchesOf, createFingerprints, sampleDataset, type Dataset } from '@decouple/calibration';
import {
  bindSymbols,
  costOf,
  extractGraph,
  sameType,
  staticShape,
  usesOf,
  type Graph,
  type Node,
} from '@decouple/ir';
import { nextTurn, sizeOf, UnsupportedError, type Tensor } from '@decouple/tensor';
import { randomInputs } from './benchmark.ts';
import { batchingFor, compile } from './compile.ts';
import { padBatch } from './evaluate.ts';

export interface LedgerOptions {
  /** Default: random inputs. */
  readonly data?: Dataset | undefined;
  /** How many of the data passes are shown; the ledger takes others as far as there are. */
  readonly seen: number;
  readonly seed: number;
  readonly backend: Backend;
  /** Samples at most; fewer when a network's values need more than {@link maxBytes}. Default 32. */
  readonly samples?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Error of a layer's response. */
export interface LedgerLayer {
  readonly layer: string;
  /** Name of the response, in both networks. */
  readonly value: string;
  readonly error: number;
}

/** What a pass did to a layer. */
export interface LedgerChange {
  readonly layer: string;
  readonly value: string;
  readonly local: number;
  readonly added: number;
}

export interface LedgerPass {
  readonly pass: string;
  readonly groups: readonly string[];
  /** Error at the outputs after the pass. */
  readonly output: number;
  /** Layers with MACs, in the order of the network. */
  readonly layers: readonly LedgerLayer[];
  /** Layers that the pass changed, the largest `added` first. */
  readonly changed: readonly LedgerChange[];
}

export interface Ledger {
  /** Name of the data, or `random inputs`. */
  readonly data: string;
  readonly samples: number;
  /** Whether none of the samples was shown to passes, which fit themselves to what they see. */
  readonly heldOut: boolean;
  readonly passes: readonly LedgerPass[];
  /** The layer and the pass that added most to the error at the outputs; absent when all is rounding. */
  readonly worst?: {
    readonly pass: string;
    readonly groups: readonly string[];
    readonly layer: string;
    readonly added: number;
  };
}

/** Records networks during a run, and is worked out at its end. */
export interface LedgerRecorder {
  add(pass: string, groups: readonly string[], graph: Graph): void;
  /** @throws the signal's reason when cancelled. */
  close(): Promise<Ledger>;
}

/** Bound of what the values of the original network may take, in bytes. */
const maxBytes = 2 ** 28;
/** Errors below are rounding. */
const rounding = 1e-10;

/** Tensors of each batch by value name. */
type Values = ReadonlyMap<string, readonly Tensor[]>;

/** A relative error in the making. */
interface ErrorSum {
  /** ‖y − y₀‖² */
  readonly gap: number;
  /** ‖y₀ − mean(y₀)‖², or ‖y₀‖² where y₀ does not vary. */
  readonly scale: number;
}

const ratioOf = (sums: readonly ErrorSum[]): number => {
  const total = (key: keyof ErrorSum): number => sums.reduce((sum, each) => sum + each[key], 0);
  const [gap, scale] = [total('gap'), total('scale')];
  if (gap === 0) return 0;
  return gap < Infinity && scale > 0 ? gap / scale : Infinity;
};

function compareResponses(actual: readonly Tensor[], expected: readonly Tensor[]): ErrorSum {
  const [, channels = 1, ...rest] = expected[0]?.shape ?? [];
  const area = sizeOf(rest);
  const sums = new Float64Array(channels);
  let [gap, energy, count] = [0, 0, 0];
  expected.forEach(({ data }, batch) => {
    const other = actual[batch]?.data as Float32Array;
    for (let index = 0; index < data.length; index++) {
      const value = data[index] as number;
      const channel = Math.floor(index / area) % channels;
      sums[channel] = (sums[channel] as number) + value;
      energy += value ** 2;
      gap += ((other[index] as number) - value) ** 2;
    }
    count += data.length / channels;
  });
  const variance = energy - sums.reduce((sum, value) => sum + value ** 2 / count, 0);
  // Below float32's resolution the values are constant: nothing varies that errors could be relative to.
  return { gap: gap >= 0 ? gap : Infinity, scale: variance > 1e-12 * energy ? variance : energy };
}

/** Samples that fit into the memory allowed. */
function samplesFor(graph: Graph, wished: number): number {
  const bytes = graph.nodes.flatMap(({ outputs }) =>
    outputs.map((output) => {
      const shape = graph.types.get(output)?.shape.slice(1) ?? [];
      return 4 * sizeOf(shape.map((dim) => (typeof dim === 'number' ? dim : 1)));
    }),
  );
  const perSample = bytes.reduce((sum, each) => sum + each, 1);
  return Math.max(1, Math.min(wished, Math.floor(maxBytes / perSample)));
}

interface Inputs {
  readonly name: string;
  readonly samples: number;
  readonly heldOut: boolean;
  /** Sizes of symbolic dimensions. */
  readonly bind: Readonly<Record<string, number>>;
  readonly batches: readonly Readonly<Record<string, Tensor>>[];
}

async function inputsFor(graph: Graph, options: LedgerOptions): Promise<Inputs> {
  const { data, seed, seen } = options;
  const wished = samplesFor(graph, options.samples ?? 32);
  if (data) {
    // What passes see comes first in the order of the seed.
    const chosen = sampleDataset(data, seen + wished, seed);
    const skipped = Math.max(0, chosen.samples - wished);
    const samples = chosen.samples - skipped;
    const { input, size, bind } = batchingFor(graph, chosen, samples);
    const batches: Record<string, Tensor>[] = [];
    for (const indices of batchesOf(samples, size)) {
      const batch = await chosen.batch(indices.map((index) => skipped + index));
      batches.push({ [input]: padBatch(batch, size) });
    }
    return { name: data.name, samples, heldOut: skipped >= seen, bind, batches };
  }
  const first = graph.inputs[0]?.type.shape[0];
  const size = typeof first === 'number' ? first : wished;
  const symbols = graph.inputs.flatMap(({ type }) => type.shape.filter((dim) => dim !== first));
  const sizes = symbols.flatMap((dim) => (typeof dim === 'string' ? [[dim, 1] as const] : []));
  const bind = {
    ...Object.fromEntries(sizes),
    ...(typeof first === 'string' && { [first]: size }),
  };
  const batches = Array.from({ length: Math.ceil(wished / Math.max(1, size)) }, (_, index) =>
    randomInputs(graph, bind, seed + index),
  );
  return { name: 'random inputs', samples: batches.length * size, heldOut: true, bind, batches };
}

/** Float32 values of known shape that nodes compute. */
const responsesOf = (graph: Graph): string[] =>
  graph.nodes.flatMap(({ outputs }) =>
    outputs.filter((output) => {
      const type = graph.types.get(output);
      return type?.dtype === 'float32' && staticShape(type) !== undefined;
    }),
  );

/** Values that depend on `value`, itself included. */
function dependentsOf(graph: Graph, value: string): Set<string> {
  const found = new Set([value]);
  for (const { inputs, outputs } of graph.nodes)
    if (inputs.some((input) => found.has(input))) for (const output of outputs) found.add(output);
  return found;
}

/** The heaviest node of a part of a network names it. */
function layerOf(part: Graph, value: string): { layer: string; macs: number } {
  let best: Node | undefined = usesOf(part).producer.get(value);
  let macs = best ? costOf(part, best).macs : 0;
  for (const node of part.nodes) {
    const own = costOf(part, node).macs;
    if (own > macs) [best, macs] = [node, own];
  }
  return { layer: best?.origin ?? value, macs };
}

/** Effects of a part of a changed network, on the values of the original one. */
interface Effect {
  readonly local: number;
  readonly alone: number;
}

/** The original network with its values, and what is measured against it. */
class Comparison {
  readonly original: Graph;
  readonly inputs: Inputs;
  private readonly values: Values;
  private readonly options: LedgerOptions;
  private readonly outputs: readonly string[];
  private readonly prints = createFingerprints();
  private readonly effects = new Map<string, Effect>();

  private constructor(original: Graph, inputs: Inputs, values: Values, options: LedgerOptions) {
    this.original = original;
    this.inputs = inputs;
    this.values = values;
    this.options = options;
    this.outputs = original.outputs.filter((output) => values.has(output));
  }

  static async open(graph: Graph, options: LedgerOptions): Promise<Comparison> {
    const inputs = await inputsFor(graph, options);
    const original = bindSymbols(graph, inputs.bind);
    const responses = responsesOf(original);
    if (!original.outputs.some((output) => responses.includes(output)))
      throw new UnsupportedError(
        `graph '${graph.name}': a ledger of errors needs an output of float32 and of known shape`,
      );
    const fed = (name: string): Tensor[] => inputs.batches.map((batch) => batch[name] as Tensor);
    const given = new Map(original.inputs.map(({ name }) => [name, fed(name)]));
    const empty = new Comparison(original, inputs, given, options);
    const values = await empty.run(extractGraph(original, responses), given);
    return new Comparison(original, inputs, new Map([...given, ...values]), options);
  }

  /** Outputs of a network whose inputs are among `feeds`. */
  private async run(part: Graph, feeds: Values): Promise<Values> {
    const results = new Map<string, Tensor[]>(part.outputs.map((name) => [name, []]));
    const executable = await compile(part, this.options.backend);
    try {
      for (const batch of this.inputs.batches.keys()) {
        await nextTurn(this.options.signal);
        const given = part.inputs.map(({ name }) => [name, feeds.get(name)?.[batch] as Tensor]);
        const outputs = await executable.run(Object.fromEntries(given) as Record<string, Tensor>);
        for (const [name, list] of results) list.push(outputs[name] as Tensor);
      }
    } finally {
      executable.dispose();
    }
    return results;
  }

  private sumOf(value: string, actual: Values): ErrorSum {
    const expected = this.values.get(value) as readonly Tensor[];
    return compareResponses(actual.get(value) ?? expected, expected);
  }

  /** Values that both networks compute, in the order of the original one. */
  shared(graph: Graph): string[] {
    const made = new Set(responsesOf(graph));
    const before = responsesOf(this.original);
    return before.filter((value) => {
      const [old, now] = [this.original.types.get(value), graph.types.get(value)];
      return made.has(value) && old && now && sameType(old, now);
    });
  }

  /** The part of a network that makes a value from other shared ones. */
  partOf(graph: Graph, value: string, shared: readonly string[]): { part: Graph; print: number } {
    const others = shared.filter((other) => other !== value);
    const part = extractGraph(graph, [value], others);
    return { part, print: this.prints.of(part, value) };
  }

  /** Errors of all shared values of a network, and at the outputs. */
  async measure(graph: Graph, shared: readonly string[]) {
    const actual = await this.run(extractGraph(graph, shared), this.values);
    return {
      output: ratioOf(this.outputs.map((output) => this.sumOf(output, actual))),
      errors: new Map(shared.map((value) => [value, ratioOf([this.sumOf(value, actual)])])),
    };
  }

  /** What the outputs of the original network become with another response of one layer. */
  private async outputsWith(value: string, response: Values): Promise<number> {
    const dependents = dependentsOf(this.original, value);
    const affected = this.outputs.filter((output) => output !== value && dependents.has(output));
    const kept = [...this.values.keys()].filter((name) => !dependents.has(name));
    const feeds = new Map([...this.values, ...response]);
    const later = affected.length
      ? await this.run(extractGraph(this.original, affected, [...kept, value]), feeds)
      : new Map<string, Tensor[]>();
    const actual = new Map([...response, ...later]);
    return ratioOf(this.outputs.map((output) => this.sumOf(output, actual)));
  }

  async effectOf(part: Graph, value: string, print: number): Promise<Effect> {
    const key = `${print} ${value}`;
    const known = this.effects.get(key);
    if (known) return known;
    const response = await this.run(part, this.values);
    const local = ratioOf([this.sumOf(value, response)]);
    const alone = local < rounding ? 0 : await this.outputsWith(value, response);
    this.effects.set(key, { local, alone });
    return { local, alone };
  }
}

/** One pass: errors of the network that it leaves, and what it did to each layer that it changed. */
async function entryOf(
  comparison: Comparison,
  { pass, groups }: Pick<LedgerPass, 'pass' | 'groups'>,
  before: Graph,
  after: Graph,
): Promise<LedgerPass> {
  const shared = comparison.shared(after);
  const common = comparison.shared(before).filter((value) => shared.includes(value));
  const { output, errors } = await comparison.measure(after, shared);
  const layers: LedgerLayer[] = [];
  const changed: LedgerChange[] = [];
  for (const value of shared) {
    const { part, print } = comparison.partOf(after, value, shared);
    const { layer, macs } = layerOf(part, value);
    if (macs > 0) layers.push({ layer, value, error: errors.get(value) as number });
    if (!common.includes(value)) continue;
    const old = comparison.partOf(before, value, common);
    if (old.print === print) continue;
    const { local, alone } = await comparison.effectOf(part, value, print);
    const { alone: earlier } = await comparison.effectOf(old.part, value, old.print);
    const added = alone === earlier ? 0 : alone - earlier;
    changed.push({ layer, value, local, added });
  }
  changed.sort((a, b) => b.added - a.added);
  return { pass, groups, output, layers, changed };
}

/**
 * Opens a ledger of errors: runs the original network.
 * @throws UnsupportedError when the backend can't run it or it has no output to compare; DataError when the data don't fit.
 */
export async function openLedger(graph: Graph, options: LedgerOptions): Promise<LedgerRecorder> {
  const comparison = await Comparison.open(graph, options);
  const { inputs, original } = comparison;
  const records: { pass: string; groups: readonly string[]; graph: Graph }[] = [];
  return {
    add: (pass, groups, changed) => void records.push({ pass, groups, graph: changed }),
    async close() {
      const passes: LedgerPass[] = [];
      let [source, before] = [graph, original];
      for (const record of records) {
        const after = record.graph === source ? before : bindSymbols(record.graph, inputs.bind);
        passes.push(await entryOf(comparison, record, before, after));
        [source, before] = [record.graph, after];
      }
      const candidates = passes.flatMap(({ pass, groups, changed }) =>
        changed.slice(0, 1).map(({ layer, added }) => ({ pass, groups, layer, added })),
      );
      const [worst] = candidates.filter(({ added }) => added > 0).sort((a, b) => b.added - a.added);
      const { name: data, samples, heldOut } = inputs;
      return { data, samples, heldOut, passes, ...(worst && { worst }) };
    },
  };
}
