/**
 * The order of things, the same for every decomposition. Plan: each layer's ways to be built, compared on the network
 * as it is. Choose: one way for each. Build: layer after layer, each fitted so that from the input that the *changed*
 * network gives it, it makes the response of the *original* network; later layers repair errors of earlier ones.
 * Without data layers are built in closed form.
 */
import { applyPatch, isOp, type Graph, type Patch } from '@decouple/ir';
import type { RunContext } from '@decouple/pass-manager';
import { holdsNumbers, nextTurn, OptionError } from '@decouple/tensor';
import { allocate } from './allocate.ts';
import { densePlan } from './dense.ts';
import type { Disturbance } from './disturbance.ts';
import { layerMetrics, sample, type Data } from './fitting.ts';
import { denseMacs, layerOf, type Layer } from './layer.ts';
import { layerPlanner } from './layer-plans.ts';
import type { Budget, DecompositionOptions } from './options.ts';
import type { Built, Decomposer, Plan } from './plan.ts';
import { networkCosts, pricing, type NetworkCosts, type Priced } from './price.ts';

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
  readonly plans: readonly [dense: Priced, ...others: Priced[]];
  /** To measure what errors of this layer do to the outputs; only on request and with data. */
  readonly disturbance?: Disturbance;
}

/** A pass in terms of decomposers. */
export interface Decomposition {
  /** Name of the pass, for messages. */
  readonly pass: string;
  readonly decomposers: readonly Decomposer[];
  readonly options: DecompositionOptions;
  /** Whether `choose` wants a disturbance of every layer. */
  readonly disturb?: boolean;
  /**
   * One plan for each layer; `undefined`: not asked for.
   * @param network costs as it is.
   * @param build the network with one layer alone built as planned: to measure what that does to its outputs.
   * @throws OptionError when the options ask for the impossible.
   */
  choose(
    choices: readonly Choices[],
    network: NetworkCosts,
    build: (choice: Choices, plan: Plan) => Promise<Graph>,
  ): readonly (Priced | undefined)[] | Promise<readonly (Priced | undefined)[]>;
}

/** The cost of a plan in the unit of a budget. */
export const costIn =
  ({ unit }: Budget) =>
  (plan: Priced): number =>
    unit === 'MACs' ? plan.macs : plan.cost;

/** What is left of a budget, or missing, when every layer is built as planned. */
export const costWith = (
  budget: Budget,
  choices: readonly Choices[],
  plans: readonly Priced[],
): number => {
  const cost = costIn(budget);
  return plans.reduce(
    (sum, plan, index) => sum + cost(plan) - cost((choices[index] as Choices).plans[0]),
    budget.network,
  );
};

/** @throws OptionError that says what the cheapest form of every layer costs. */
export function refuseBudget(pass: string, { limit, unit }: Budget, least: number): never {
  const [wanted, possible] = [limit, least].map((value) =>
    unit === 'MACs' ? Math.round(value) : Number(value.toPrecision(3)),
  );
  throw new OptionError(
    `${pass}: a budget of ${wanted} ${unit} can't be met; the cheapest form of every layer gives ${possible} ${unit}`,
  );
}

/**
 * Plans that meet a budget for the whole network with the least sum of errors; only plans that pay, in the unit of
 * the budget and by the cost model.
 * @param weights how much the error of a layer (by name) counts; 1 by default.
 * @throws OptionError when the budget can't be met.
 */
export function chooseWithin(
  pass: string,
  choices: readonly Choices[],
  budget: Budget,
  weights: Readonly<Record<string, number>> = {},
): Priced[] {
  const cost = costIn(budget);
  const fixed = choices.reduce((sum, { plans: [dense] }) => sum - cost(dense), budget.network);
  const all = choices.map(({ layer, plans: [dense, ...others] }) => {
    const weight = weights[layer.conv.name] ?? weights[layer.conv.origin] ?? 1;
    const paying = others.filter((plan) => cost(plan) < cost(dense) && plan.cost < dense.cost);
    return [dense, ...paying].map((plan) => ({
      plan,
      cost: cost(plan),
      error: weight * plan.error,
    }));
  });
  const chosen = allocate(all, budget.limit - fixed);
  if (chosen) return chosen.map(({ plan }) => plan);
  const least = all.reduce((sum, list) => sum + Math.min(...list.map((each) => each.cost)), fixed);
  return refuseBudget(pass, budget, least);
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

function report(
  { context }: Work,
  { layer, plans: [dense] }: Choices,
  plan: Priced,
  error: number | 'refitted',
): void {
  const { unit } = context.cost;
  const round = (cost: number): number => Number(cost.toPrecision(3));
  context.detail({
    layer: layer.conv.origin,
    method: plan.method,
    ...plan.columns,
    'MACs before': denseMacs(layer),
    'MACs after': plan.macs,
    ...(unit !== 'MACs' && {
      [`${unit} before`]: round(dense.cost),
      [`${unit} after`]: round(plan.cost),
    }),
    error: typeof error === 'number' ? Number(error.toPrecision(3)) : error,
  });
}

/** @returns `undefined` when nothing changed. */
async function keepDense(
  work: Work,
  graph: Graph,
  choice: Choices,
  reason: string,
): Promise<Graph | undefined> {
  const { context, data, given } = work;
  const {
    layer,
    plans: [dense],
  } = choice;
  context.note(layer.conv.name, reason);
  context.count('kept');
  // With its input unchanged the layer already is the best fit of itself.
  const refit = data !== undefined && given.options.refitDense && graph !== data.reference;
  report(work, choice, dense, refit ? 'refitted' : 0);
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
  choice: Choices,
  plan: Priced | undefined,
): Promise<Graph | undefined> {
  const { context, given } = work;
  const {
    layer,
    plans: [dense, ...others],
  } = choice;
  const { allowCostlier } = given.options;
  const { unit } = context.cost;
  const dear = `does not pay: as many or more ${unit} than the dense convolution`;
  if (!plan) return keepDense(work, graph, choice, 'not asked for by the options');
  if (plan.method === dense.method) {
    const all = others.every(({ cost }) => cost >= dense.cost);
    const reason = all
      ? `no form pays: all take as many or more ${unit}`
      : 'dense is the best use of the budget';
    return keepDense(work, graph, choice, reason);
  }
  // Known before any fit.
  if (!allowCostlier && plan.cost >= dense.cost) return keepDense(work, graph, choice, dear);
  const built = await build(work, graph, layer, plan);
  if (!allowCostlier && !pays(graph, built.patch, context))
    return keepDense(work, graph, choice, dear);
  if (!isFinitePatch(built.patch))
    return keepDense(work, graph, choice, 'its weights are too large to be decomposed');
  context.count('replaced');
  report(work, choice, plan, built.error);
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
  const plan = layerPlanner(graph, data, given.disturb ?? false);
  const choices: Choices[] = [];
  for (const [index, { layer, decomposers }] of layers.entries()) {
    await nextTurn(context.signal);
    context.progress(index, steps, `measuring ${layer.conv.name}`);
    const { plans, disturbance } = await plan(layer, decomposers);
    const price = pricing(graph, layer, context.cost);
    choices.push({
      layer,
      plans: [price(densePlan(layer)), ...plans.map(price)],
      ...(disturbance && { disturbance }),
    });
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
  const chosen = await given.choose(choices, networkCosts(graph, context.cost), alone);
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
