/**
 * The order of things, the same for every decomposition. Plan: each layer's ways to be built, compared on the network
 * as it is. Choose: one way for each. Build: layer after layer, each fitted so that from the input that the *changed*
 * network gives it, it makes the response of the *original* network; later layers repair errors of earlier ones.
 * Without data layers are built in closed form.
 */
import { applyPatch, isOp, totalCost, type Graph, type Patch } from '@decouple/ir';
import type { RunContext } from '@decouple/pass-manager';
import { holdsNumbers, nextTurn, OptionError } from '@decouple/tensor';
import { allocate } from './allocate.ts';
import { densePlan } from './dense.ts';
import { layerMetrics, sample, type Data } from './fitting.ts';
import { denseMacs, layerOf, type Layer } from './layer.ts';
import type { DecompositionOptions } from './options.ts';
import type { Built, Decomposer, Plan } from './plan.ts';

export type Counter = 'replaced' | 'kept' | 'refitted';
type Context = RunContext<Counter>;

/** What the counters of {@link decomposeLayers} count. */
export const statistics: Readonly<Record<Counter, string>> = {
  replaced: 'convolutions replaced',
  kept: 'convolutions left dense',
  refitted: 'dense convolutions refitted to their changed input',
};

/** The ways to build one layer: dense first, then those of the decomposers. */
export interface Choices {
  readonly layer: Layer;
  readonly plans: readonly [dense: Plan, ...others: Plan[]];
}

/** A pass in terms of decomposers. */
export interface Decomposition {
  /** Name of the pass, for messages. */
  readonly pass: string;
  readonly decomposers: readonly Decomposer[];
  readonly options: DecompositionOptions;
  /**
   * One plan for each layer; `undefined`: not asked for.
   * @param networkMacs of the whole network as it is.
   * @param build the network with one layer alone built as planned: to measure what that does to its outputs.
   * @throws OptionError when the options ask for the impossible.
   */
  choose(
    choices: readonly Choices[],
    networkMacs: number,
    build: (choice: Choices, plan: Plan) => Promise<Graph>,
  ): readonly (Plan | undefined)[] | Promise<readonly (Plan | undefined)[]>;
}

/**
 * Plans that meet a budget of MACs for the whole network with the least sum of errors.
 * @param weights how much the error of a layer (by name) counts; 1 by default.
 * @throws OptionError when the budget can't be met.
 */
export function chooseWithinMacs(
  pass: string,
  choices: readonly Choices[],
  networkMacs: number,
  budget: number,
  weights: Readonly<Record<string, number>> = {},
): Plan[] {
  const fixed = choices.reduce((sum, { plans: [dense] }) => sum - dense.macs, networkMacs);
  const all = choices.map(({ layer, plans: [dense, ...others] }) => {
    const weight = weights[layer.conv.name] ?? weights[layer.conv.origin] ?? 1;
    return [dense, ...others.filter(({ macs }) => macs < dense.macs)].map((plan) => ({
      plan,
      cost: plan.macs,
      error: weight * plan.error,
    }));
  });
  const chosen = allocate(all, budget - fixed);
  if (chosen) return chosen.map(({ plan }) => plan);
  const least = all.reduce((sum, list) => sum + Math.min(...list.map(({ cost }) => cost)), fixed);
  throw new OptionError(
    `${pass}: a budget of ${Math.round(budget)} MACs can't be met; the cheapest form of every layer gives ${least} MACs`,
  );
}

function collectLayers(
  graph: Graph,
  { pass, decomposers, options }: Decomposition,
  withData: boolean,
  context: Context,
): { layer: Layer; decomposers: readonly Decomposer[] }[] {
  const convs = graph.nodes.filter((node) => isOp(node, 'conv2d'));
  const skipped = (name: string): boolean => options.skip.includes(name);
  const unknown = options.skip.filter(
    (skip) => !convs.some(({ name, origin }) => name === skip || origin === skip),
  );
  if (unknown.length)
    throw new OptionError(`${pass}: option skip names no convolution: ${unknown.join(', ')}`);
  return convs.flatMap((node) => {
    const layer = layerOf(graph, node);
    const refuse = (reason: string): [] => {
      context.note(node.name, reason);
      return [];
    };
    if (typeof layer === 'string') return refuse(layer);
    const refusals = decomposers.map((decomposer) => decomposer.refuses(layer));
    const able = decomposers.filter((_, index) => refusals[index] === undefined);
    if (!able.length) return refuse(refusals[0] as string);
    if (skipped(node.name) || skipped(node.origin)) return refuse('left dense by option skip');
    if (withData && (node.attrs.activation || node.inputs[3]))
      return refuse(`the activation is already fused; run ${pass} before fuse`);
    return [{ layer, decomposers: able }];
  });
}

/** Whether a patch lowers the context's cost. */
function pays(graph: Graph, patch: Patch, { cost }: Context): boolean {
  const sum = (of: Graph, names: readonly string[]): number => {
    const wanted = new Set(names);
    return of.nodes.reduce(
      (total, node) => (wanted.has(node.name) ? total + cost.cost(of, node) : total),
      0,
    );
  };
  const added = (patch.add ?? []).map(({ name }) => name);
  return sum(applyPatch(graph, patch), added) < sum(graph, patch.remove);
}

/** Whether weights stayed within float32: factors can be larger than what they stand for. */
const isFinitePatch = ({ constants = [] }: Patch): boolean =>
  [...constants].every(([, value]) => holdsNumbers(value));

/** A network while its layers are being built. */
interface Work {
  readonly given: Decomposition;
  readonly data: Data | undefined;
  /** Names of layers that are still to be built. */
  readonly pending: Set<string>;
  readonly context: Context;
}

async function build(work: Work, graph: Graph, layer: Layer, plan: Plan): Promise<Built> {
  const { data, given, pending } = work;
  if (!data) return plan.build(undefined);
  const rows = await sample(data, graph, layer, 'fit', pending);
  const { relu, rounds } = given.options;
  const metrics = await layerMetrics(data, layer, rows);
  return plan.build({ layer, metrics, rows, relu, rounds });
}

function report({ context }: Work, layer: Layer, plan: Plan, error: number | 'refitted'): void {
  context.detail({
    layer: layer.conv.origin,
    method: plan.method,
    ...plan.columns,
    'MACs before': denseMacs(layer),
    'MACs after': plan.macs,
    error: typeof error === 'number' ? Number(error.toPrecision(3)) : error,
  });
}

/** @returns `undefined` when nothing changed. */
async function keepDense(
  work: Work,
  graph: Graph,
  layer: Layer,
  reason: string,
): Promise<Graph | undefined> {
  const { context, data, given } = work;
  context.note(layer.conv.name, reason);
  context.count('kept');
  const dense = densePlan(layer);
  // With its input unchanged the layer already is the best fit of itself.
  const refit = data !== undefined && given.options.refitDense && graph !== data.reference;
  report(work, layer, dense, refit ? 'refitted' : 0);
  if (!refit) return undefined;
  const { patch } = await build(work, graph, layer, dense);
  if (!isFinitePatch(patch)) return undefined;
  context.count('refitted');
  return context.rewrite(graph, patch);
}

/** @returns `undefined` when nothing changed. */
async function buildLayer(
  work: Work,
  graph: Graph,
  { layer, plans: [dense] }: Choices,
  plan: Plan | undefined,
): Promise<Graph | undefined> {
  const { context, given } = work;
  const { allowCostlier } = given.options;
  const dear = `does not pay: as many or more ${context.cost.unit} than the dense convolution`;
  if (!plan) return keepDense(work, graph, layer, 'not asked for by the options');
  if (plan.method === dense.method)
    return keepDense(work, graph, layer, 'dense is the best use of the budget');
  // Known before any fit where MACs are the cost.
  if (!allowCostlier && context.cost.unit === 'MACs' && plan.macs >= dense.macs)
    return keepDense(work, graph, layer, dear);
  const built = await build(work, graph, layer, plan);
  if (!allowCostlier && !pays(graph, built.patch, context))
    return keepDense(work, graph, layer, dear);
  if (!isFinitePatch(built.patch))
    return keepDense(work, graph, layer, 'its weights are too large to be decomposed');
  context.count('replaced');
  report(work, layer, plan, built.error);
  return context.rewrite(graph, built.patch);
}

/** The ways to build every layer that the decomposers can do something about. */
async function planLayers(
  graph: Graph,
  given: Decomposition,
  data: Data | undefined,
  context: Context,
): Promise<Choices[]> {
  const layers = collectLayers(graph, given, data !== undefined, context);
  const steps = layers.length * (data ? 2 : 1);
  const choices: Choices[] = [];
  for (const [index, { layer, decomposers }] of layers.entries()) {
    await nextTurn(context.signal);
    context.progress(index, steps, `measuring ${layer.conv.name}`);
    const rows = data && (await sample(data, graph, layer, 'plan'));
    const metrics = data && rows && (await layerMetrics(data, layer, rows));
    const plans = decomposers.flatMap((decomposer) => decomposer.plans(layer, metrics));
    choices.push({ layer, plans: [densePlan(layer), ...plans] });
  }
  return choices;
}

/**
 * Runs a pass that replaces convolutions one by one.
 * @throws OptionError when the options name unknown layers or a budget can't be met.
 */
export async function decomposeLayers(
  graph: Graph,
  given: Decomposition,
  context: Context,
): Promise<Graph> {
  const calibration = given.options.data === 'off' ? undefined : context.calibration;
  const data: Data | undefined = calibration && {
    calibration,
    reference: graph,
    options: given.options,
    signal: context.signal,
  };
  const choices = await planLayers(graph, given, data, context);
  const pending = new Set(choices.map(({ layer }) => layer.conv.name));
  const work: Work = { given, data, pending, context };
  const alone = async ({ layer }: Choices, plan: Plan): Promise<Graph> =>
    applyPatch(graph, (await build(work, graph, layer, plan)).patch);
  const chosen = await given.choose(choices, totalCost(graph).macs, alone);
  let current = graph;
  for (const [index, choice] of choices.entries()) {
    await nextTurn(context.signal);
    const { name } = choice.layer.conv;
    if (data) context.progress(choices.length + index, choices.length * 2, `fitting ${name}`);
    current = (await buildLayer(work, current, choice, chosen[index])) ?? current;
    pending.delete(name);
  }
  return current;
}
