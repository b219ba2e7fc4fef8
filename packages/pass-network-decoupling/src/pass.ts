/**
 * Network decoupling: every regular convolution is exactly a sum of K depthwise-separable ones; keep the few that
 * matter. Guo et al., Network Decoupling: From Regular to Depthwise Separable Convolutions, BMVC 2018.
 *
 * Without data the terms come from singular values. With calibration data the layers are first measured (error of
 * each candidate on the data), terms are allotted, and then each layer in turn is fitted so that from the input that
 * the changed network gives it, it makes the response of the original network (asymmetric reconstruction).
 * Not handled: 3-D convolutions; convolutions whose activation is already fused are decoupled without data only.
 */
import type { Calibration } from '@decouple/calibration';
import { applyPatch, isOp, totalCost, type Graph } from '@decouple/ir';
import { definePass, type PassContext } from '@decouple/pass-manager';
import { OptionError } from '@decouple/tensor';
import {
  dataCandidates,
  denseCandidate,
  startFactors,
  weightCandidates,
  type Adaptive,
  type Candidate,
} from './candidates.ts';
import { chooseCandidates } from './choose.ts';
import { emitReplacement } from './emit.ts';
import type { Form } from './factors.ts';
import { fitLayer, refitDense, sample, type Built, type Data } from './fit-layer.ts';
import { layerOf, type Layer } from './layer.ts';
import { termChannels } from './macs.ts';
import { options, targetOf, type Options } from './options.ts';

type Counter = 'decoupled' | 'kept' | 'refitted' | 'terms';
type Context = PassContext<Counter>;

const formsOf = ({ form }: Options): Form[] => (form === 'auto' ? ['dw-pw', 'pw-dw'] : [form]);

function collectLayers(
  graph: Graph,
  given: Options,
  calibration: Calibration | undefined,
  context: Context,
): Layer[] {
  const convs = graph.nodes.filter((node) => isOp(node, 'conv2d'));
  const unknown = given.skip.filter(
    (skip) => !convs.some(({ name, origin }) => name === skip || origin === skip),
  );
  if (unknown.length)
    throw new OptionError(`decouple: option skip names no convolution: ${unknown.join(', ')}`);
  return convs.flatMap((node) => {
    const layer = layerOf(graph, node);
    let reason = typeof layer === 'string' ? layer : undefined;
    if (given.skip.includes(node.name) || given.skip.includes(node.origin))
      reason = 'left dense by option skip';
    else if (calibration && reason === undefined) {
      if (node.attrs.activation || node.inputs[3])
        reason = 'the activation is already fused; run decouple before fuse';
      else if (!calibration.original.types.has(node.outputs[0] as string))
        reason = 'the original network has no such response to fit';
    }
    if (reason === undefined) return [layer as Layer];
    context.note(node.name, reason);
    return [];
  });
}

/** @throws OptionError when elimination is asked for without data to eliminate by. */
function adaptiveOf(given: Options, data: Data | undefined): Adaptive {
  if (given.adaptive === 'auto') return data ? 'elimination' : 'none';
  if (given.adaptive === 'elimination' && !data)
    throw new OptionError(
      'decouple: adaptive=elimination works on calibration data; give some, or use adaptive=energy',
    );
  return given.adaptive;
}

async function candidatesOf(
  graph: Graph,
  layers: readonly Layer[],
  given: Options,
  data: Data | undefined,
  context: Context,
): Promise<Candidate[][]> {
  const adaptive = adaptiveOf(given, data);
  const all: Candidate[][] = [];
  for (const [index, layer] of layers.entries()) {
    context.signal.throwIfAborted();
    context.progress(index, layers.length * (data ? 2 : 1), `measuring ${layer.conv.name}`);
    const forms = formsOf(given);
    all.push(
      data
        ? await dataCandidates(layer, await sample(data, graph, layer, 'plan'), {
            forms,
            adaptive,
            ridge: given.ridge,
          })
        : weightCandidates(layer, forms, adaptive),
    );
  }
  return all;
}

/** Why a candidate can't be built, if so. */
function refusal(
  graph: Graph,
  changed: Graph,
  layer: Layer,
  added: readonly string[],
  given: Options,
  context: Context,
): string | undefined {
  if (given.allowCostlier) return undefined;
  const cost = (of: Graph, names: ReadonlySet<string>): number =>
    of.nodes
      .filter(({ name }) => names.has(name))
      .reduce((sum, node) => sum + context.cost.cost(of, node), 0);
  const before = cost(graph, new Set([layer.conv.name]));
  return cost(changed, new Set(added)) < before
    ? undefined
    : `does not pay: as many or more ${context.cost.unit} than the dense convolution`;
}

async function run(graph: Graph, given: Options, context: Context): Promise<Graph> {
  const calibration = given.data === 'off' ? undefined : context.calibration;
  const data = calibration && { calibration, given, signal: context.signal };
  const layers = collectLayers(graph, given, calibration, context);
  const networkMacs = totalCost(graph).macs;
  const otherMacs =
    networkMacs - layers.reduce((sum, layer) => sum + denseCandidate(layer).macs, 0);
  const candidates = await candidatesOf(graph, layers, given, data, context);
  const chosen = chooseCandidates(layers, candidates, targetOf(given, networkMacs), otherMacs);
  const pending = new Set(layers.map(({ conv }) => conv.name));
  let current = graph;
  let changed = false;
  for (const [index, layer] of layers.entries()) {
    context.signal.throwIfAborted();
    if (data)
      context.progress(layers.length + index, layers.length * 2, `fitting ${layer.conv.name}`);
    const next = await buildLayer(current, layer, chosen[index], {
      given,
      data,
      pending,
      context,
      changed,
    });
    pending.delete(layer.conv.name);
    if (next) changed = true;
    current = next ?? current;
  }
  return current;
}

interface BuildContext {
  readonly given: Options;
  readonly data: Data | undefined;
  readonly pending: ReadonlySet<string>;
  readonly context: Context;
  /** An earlier layer has changed, so that this one's input has. */
  readonly changed: boolean;
}

async function buildLayer(
  graph: Graph,
  layer: Layer,
  candidate: Candidate | undefined,
  at: BuildContext,
): Promise<Graph | undefined> {
  const { given, data, pending, context } = at;
  const dense = denseCandidate(layer).macs;
  const keepDense = async (reason: string): Promise<Graph | undefined> => {
    context.note(layer.conv.name, reason);
    context.count('kept');
    const refit = data !== undefined && given.refitDense && at.changed;
    context.detail({
      layer: layer.conv.origin,
      form: 'dense',
      terms: '',
      'MACs before': dense,
      'MACs after': dense,
      error: refit ? 'refitted' : 0,
    });
    if (!refit) return undefined;
    context.count('refitted');
    return refitDense(data, graph, layer, pending);
  };
  if (!candidate) return keepDense('no number of terms was asked for');
  if (candidate.form === 'dense') return keepDense('dense is the best use of the budget');
  if (!given.allowCostlier && candidate.macs >= dense && context.cost.unit === 'MACs')
    return keepDense('does not pay: as many or more MACs than the dense convolution');
  const built: Built = data
    ? await fitLayer(data, graph, layer, candidate, pending)
    : {
        groups: startFactors(layer, candidate),
        ...(layer.bias ? { bias: layer.bias } : {}),
        error: candidate.error,
      };
  const patch = emitReplacement({
    conv: layer.conv,
    kernel: layer.kernel,
    groups: built.groups,
    layout: given.layout,
    ...(built.bias ? { bias: built.bias } : {}),
  });
  const result = applyPatch(graph, patch);
  const reason = refusal(
    graph,
    result,
    layer,
    (patch.add ?? []).map(({ name }) => name),
    given,
    context,
  );
  if (reason) return keepDense(reason);
  context.count('decoupled');
  context.count('terms', candidate.terms);
  context.detail({
    layer: layer.conv.origin,
    form: candidate.form,
    terms: Number((candidate.terms / termChannels(layer.size, candidate.form)).toFixed(2)),
    'MACs before': dense,
    'MACs after': candidate.macs,
    error: Number(built.error.toPrecision(3)),
  });
  return result;
}

export const decouple = definePass({
  name: 'decouple',
  summary:
    'Replaces convolutions by the principal terms of their exact sum of depthwise-separable ones.',
  effect: 'approximate',
  options,
  statistics: {
    decoupled: 'convolutions replaced',
    kept: 'convolutions left dense',
    refitted: 'dense convolutions refitted to their changed input',
    terms: 'depthwise-separable terms in all',
  },
  run,
});

export const networkDecouplingPasses = [decouple] as const;
