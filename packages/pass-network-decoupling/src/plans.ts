/**
 * The ways to decouple one layer, with their MACs and errors: for each form every sensible number of terms.
 * Errors are relative squared errors, of the weights (energy left out) or of the responses on calibration data.
 */
import {
  denseMacs,
  groupKernel,
  type Layer,
  type Metric,
  type Plan,
  type StageOutline,
} from '@decouple/decomposition';
import { eliminate } from './eliminate.ts';
import { emitReplacement, type Layout } from './emit.ts';
import { exactTerms, type Factors, type Form } from './factors.ts';
import { fitLayer } from './fit.ts';
import { featureCross, featureGram, pointwiseSolver as depthwiseSolver } from './fit-dw-pw.ts';
import { explainedPerTerm } from './fit-pw-dw.ts';
import { macsPerTerm, paramsPerTerm, termChannels } from './macs.ts';
import {
  decomposeSlices,
  firstTerms,
  limitTerms,
  selectTerms,
  type Keep,
  type Slices,
} from './slices.ts';
import { whitenedSlices } from './whiten.ts';

/** A decoupled way to build a layer. */
export interface Decoupled extends Plan {
  readonly method: Form;
  /** Terms of all channels and groups together. */
  readonly terms: number;
  /** Terms per channel, a mean where they differ. */
  readonly perChannel: number;
  /** Slices of each group. */
  readonly slices: readonly Slices[];
}

export type Adaptive = 'none' | 'energy' | 'elimination';

export interface PlanOptions {
  readonly forms: readonly Form[];
  readonly adaptive: Adaptive;
  readonly layout: Layout;
}

/** Terms are counted in multiples of this, so that backends get full vectors. */
const termMultiple = 4;
/**
 * With `form=auto`, pw-dw is fitted to data only up to this many input channels: every output factorises a matrix of
 * T·I rows of its own, and on wider layers backward elimination of dw-pw terms has always been the better choice.
 */
const pointwiseFirstLimit = 32;

/**
 * Patch elements above which elimination starts from the strongest two thirds of each channel's terms: inverting the
 * Gram of all of them would take three times as long, and beyond six of nine terms a layer hardly pays any more.
 */
const wideLayer = 1024;

/** What plans of one layer have in common. */
interface Start {
  readonly layer: Layer;
  readonly form: Form;
  /** Slices of each group. */
  readonly slices: readonly Slices[];
  readonly layout: Layout;
}

/** The factors of a plan before any fit, one per group. */
const startFactors = ({ layer, slices }: Start, keep: Keep): Factors[] =>
  slices.map((own, index) => selectTerms(groupKernel(layer, index), own, keep));

/** The wide form of `terms` terms over all channels. */
function outlineOf({ conv, size }: Layer, form: Form, terms: number): StageOutline[] {
  const { stride, pads, dilation } = conv.attrs;
  const { groups, inChannels, outChannels, kernel } = size;
  const spatial = { stride, pads, dilation };
  if (form === 'dw-pw') {
    const gathers = terms % inChannels !== 0;
    const channels = gathers ? terms : inChannels;
    return [
      { role: 'depthwise', shape: [terms, 1, ...kernel], groups: channels, gathers, ...spatial },
      { role: 'pointwise', shape: [outChannels, terms / groups, 1, 1], groups },
    ];
  }
  const perOutput = Math.ceil(terms / outChannels);
  return [
    { role: 'pointwise', shape: [perOutput * outChannels, inChannels / groups, 1, 1], groups },
    {
      role: 'depthwise',
      shape: [outChannels, perOutput, ...kernel],
      groups: outChannels,
      ...spatial,
    },
  ];
}

/** @param keep which terms to take. */
function plan(start: Start, terms: number, error: number, keep: Keep): Decoupled {
  const { layer, form, slices, layout } = start;
  const perChannel = terms / termChannels(layer.size, form);
  const { conv, bias, size } = layer;
  const emit = (groups: readonly Factors[], fitted: Float32Array | undefined) =>
    emitReplacement({
      conv,
      kernel: size.kernel,
      groups,
      layout,
      ...(fitted ? { bias: fitted } : {}),
    });
  const relative = Math.max(0, error);
  return {
    method: form,
    terms,
    perChannel,
    slices,
    macs: terms * macsPerTerm(size, form),
    params: terms * paramsPerTerm(size, form),
    outline: outlineOf(layer, form, terms),
    error: relative,
    columns: { terms: Number(perChannel.toFixed(2)) },
    build: async (fitting) => {
      const starts = startFactors(start, keep);
      if (!fitting) return { patch: emit(starts, bias), error: relative };
      const { groups, bias: fitted, ...built } = await fitLayer(fitting, starts);
      return { patch: emit(groups, fitted), ...built };
    },
  };
}

/** Plans with 1, 2, … K terms in every channel; `errors[T-1]` belongs to T terms. */
function uniformPlans(start: Start, errors: readonly number[]): Decoupled[] {
  const channels = termChannels(start.layer.size, start.form);
  return errors.map((error, index) =>
    plan(start, (index + 1) * channels, error, firstTerms(index + 1)),
  );
}

/** Plans along an order in which terms (channel·K + term) are added. */
function nestedPlans(
  start: Start,
  order: ArrayLike<number>,
  errors: ArrayLike<number>,
): Decoupled[] {
  const [slices] = start.slices as [Slices];
  const rank = new Int32Array(slices.channels * slices.terms).fill(slices.channels * slices.terms);
  for (let place = 0; place < order.length; place++) rank[order[place] as number] = place;
  const result: Decoupled[] = [];
  for (let terms = termMultiple; terms <= order.length; terms += termMultiple)
    result.push(
      plan(
        start,
        terms,
        errors[terms - 1] as number,
        (channel, term) => (rank[channel * slices.terms + term] as number) < terms,
      ),
    );
  return result;
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Whether channels may have unequal terms: not in grouped convolutions, nor pw-dw ones that add a residual. */
const canDiffer = ({ conv }: Layer, form: Form): boolean =>
  conv.attrs.groups === 1 && (form === 'dw-pw' || !conv.inputs[3]);

/** Plans from the weights alone. */
export function weightPlans(layer: Layer, { forms, adaptive, layout }: PlanOptions): Decoupled[] {
  return forms.flatMap((form): Decoupled[] => {
    const slices = Array.from({ length: layer.size.groups }, (_, index) =>
      decomposeSlices(groupKernel(layer, index), layer.group, form),
    );
    const power = slices.reduce((sum, { energy }) => sum + total(energy), 0) || 1;
    const [first] = slices as [Slices];
    const start = { layer, form, slices, layout };
    if (adaptive !== 'none' && canDiffer(layer, form)) {
      const order = Array.from(first.energy.keys()).sort(
        (a, b) => (first.energy[b] as number) - (first.energy[a] as number) || a - b,
      );
      // Every output needs a term of its own: its strongest one goes first.
      const ordered =
        form === 'pw-dw'
          ? [
              ...order.filter((index) => index % first.terms === 0),
              ...order.filter((index) => index % first.terms !== 0),
            ]
          : order;
      let left = power;
      const errors = ordered.map((index) => (left -= first.energy[index] as number) / power);
      return nestedPlans(start, ordered, errors).filter(
        ({ terms }) => form === 'dw-pw' || terms >= first.channels,
      );
    }
    let left = power;
    const errors = Array.from({ length: exactTerms(layer.group, form) }, (_, term) => {
      for (const { energy, terms } of slices)
        for (let index = term; index < energy.length; index += terms)
          left -= energy[index] as number;
      return left / power;
    });
    return uniformPlans(start, errors);
  });
}

/** Plans fitted to calibration data. */
export function dataPlans(
  layer: Layer,
  metrics: readonly Metric[],
  options: PlanOptions,
): Decoupled[] {
  return options.forms.flatMap((form) => {
    if (form === 'dw-pw') return depthwiseFirstPlans(layer, metrics, options);
    const chosen = options.forms.length === 1;
    if (layer.group.inputs > pointwiseFirstLimit && !chosen) return [];
    // Unequal terms of pw-dw are a pair of convolutions for each number of terms: many small kernels, only on request.
    return pointwiseFirstPlans(layer, metrics, {
      ...options,
      adaptive: chosen ? options.adaptive : 'none',
    });
  });
}

function depthwiseFirstPlans(
  layer: Layer,
  metrics: readonly Metric[],
  { adaptive, layout }: PlanOptions,
): Decoupled[] {
  const form = 'dw-pw';
  const slices = metrics.map((metric, index) => whitenedSlices(metric, groupKernel(layer, index)));
  const variance = metrics.reduce((sum, metric) => sum + metric.targetVariance, 0) || 1;
  const [metric, own] = [metrics[0] as Metric, slices[0] as Slices];
  if (adaptive === 'elimination' && canDiffer(layer, 'dw-pw')) {
    const wide = metric.size > wideLayer;
    const limited = wide ? limitTerms(own, Math.ceil((2 * own.terms) / 3)) : own;
    const all = selectTerms(groupKernel(layer, 0), limited, () => true);
    const gram = featureGram(metric, all.of, all.depthwise);
    const { order, start, losses } = eliminate(
      gram,
      featureCross(metric.cross, metric.outputs, metric.taps, all.of, all.depthwise),
      metric.outputs,
      metric.power,
    );
    const errors = new Float64Array(order.length);
    let error = start;
    for (let kept = order.length; kept > 0; kept--) {
      errors[kept - 1] = error / variance;
      error += losses[order.length - kept] as number;
    }
    return nestedPlans({ layer, form, slices: [limited], layout }, order.toReversed(), errors);
  }
  if (adaptive === 'energy' && canDiffer(layer, 'dw-pw'))
    return weightPlans(layer, { forms: [form], adaptive, layout });
  const errors = new Array<number>(own.terms).fill(0);
  metrics.forEach((group, index) =>
    nestedErrors(group, layer, slices[index] as Slices, index).forEach(
      (error, term) => (errors[term] = (errors[term] as number) + error / variance),
    ),
  );
  return uniformPlans({ layer, form, slices, layout }, errors);
}

/** Errors of the first 1, 2, … K terms of each channel with refitted pointwise parts. */
function nestedErrors(metric: Metric, layer: Layer, slices: Slices, index: number): number[] {
  return Array.from({ length: slices.terms }, (_, term) => {
    const factors = selectTerms(groupKernel(layer, index), slices, firstTerms(term + 1));
    const fitted = depthwiseSolver(metric, factors)(metric.cross);
    const cross = featureCross(
      metric.cross,
      metric.outputs,
      metric.taps,
      fitted.of,
      fitted.depthwise,
    );
    return (
      metric.power -
      cross.reduce((sum, value, at) => sum + value * (fitted.pointwise[at] as number), 0)
    );
  });
}

/**
 * Plans of pw-dw. What a term explains is known per output, so unequal terms are given one by one to the output
 * that gains most by its next one.
 */
function pointwiseFirstPlans(
  layer: Layer,
  metrics: readonly Metric[],
  { adaptive, layout }: PlanOptions,
): Decoupled[] {
  const form = 'pw-dw';
  const channels = termChannels(layer.size, 'pw-dw');
  const affordable = Math.max(
    1,
    Math.ceil(denseMacs(layer) / (channels * macsPerTerm(layer.size, 'pw-dw'))) - 1,
  );
  const slices = metrics.map((_, index) =>
    limitTerms(decomposeSlices(groupKernel(layer, index), layer.group, 'pw-dw'), affordable),
  );
  const [first] = slices as [Slices];
  const sum = (of: (metric: Metric) => number): number =>
    metrics.reduce((total, metric) => total + of(metric), 0);
  const variance = sum((metric) => metric.targetVariance) || 1;
  const power = sum((metric) => metric.power) / variance;
  const explained = metrics.flatMap((metric, index) =>
    explainedPerTerm(
      metric,
      selectTerms(groupKernel(layer, index), slices[index] as Slices, () => true),
    ).map((gains) => gains.map((gain) => gain / variance)),
  );
  if (adaptive !== 'none' && canDiffer(layer, 'pw-dw')) {
    const order = largestNextGains(explained);
    let left = power;
    const errors = order.map(
      (index) => (left -= explained[Math.floor(index / first.terms)]?.[index % first.terms] ?? 0),
    );
    return nestedPlans({ layer, form, slices, layout }, order, errors).filter(
      ({ terms }) => terms >= channels,
    );
  }
  let left = power;
  const errors = Array.from(
    { length: first.terms },
    (_, term) => (left -= explained.reduce((total, gains) => total + (gains[term] ?? 0), 0)),
  );
  return uniformPlans({ layer, form, slices, layout }, errors);
}

/** Terms (channel·K + term): the first of every channel, then always the largest next gain; ties to the lower channel. */
function largestNextGains(gains: readonly Float64Array[]): number[] {
  const terms = gains[0]?.length ?? 0;
  const next = gains.map(() => 1);
  const order = gains.map((_, channel) => channel * terms);
  while (order.length < gains.length * terms) {
    let best = -1;
    gains.forEach((own, channel) => {
      const gain = own[next[channel] as number];
      const champion = best < 0 ? undefined : gains[best]?.[next[best] as number];
      if (gain !== undefined && (champion === undefined || gain > champion)) best = channel;
    });
    order.push(best * terms + (next[best] as number));
    next[best] = (next[best] as number) + 1;
  }
  return order;
}
