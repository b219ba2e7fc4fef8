/**
 * How a thread walks the input channels of a convolution or matrix product, by a layer's inputs I and outputs O of a group:
 *   blocks     O and I are multiples of the lanes (or there is one group): texels of inputs, times a matrix of lanes
 *   pattern    the outputs of a texel read whole texels, always the same lanes of them: depthwise, sums of terms
 *   multiples  depthwise with a multiplier of 2, 4, 8, …: the inputs of all lanes are in one texel
 *   elements   anything else: one element for each lane
 */
import type { Activation } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import { range, sum, type Writer } from '../writer.ts';
import type { WindowAttrs } from './pool.ts';

export interface Layer {
  readonly input: string;
  readonly weight: Float32Array;
  readonly bias: Tensor<'float32'> | undefined;
  readonly residual: string;
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: WindowAttrs;
  readonly activation: Activation;
}

/** Lanes of the texels that a thread's pixels (second index) meet under taps (first index); none beyond borders. */
type Met = readonly (readonly (readonly string[] | undefined)[])[];

/** What a thread sees of the input under some taps. */
export interface View {
  /** As texts, in the order of `texels`. */
  readonly taps: readonly string[];
  readonly texels: (block: string) => Met;
  /** Of the only pixel under the only tap. */
  readonly element: (channel: string) => string;
}

/** How a layer's channels are walked. @param totals of each pixel, by lanes. */
export type Walk = (w: Writer, layer: Layer, totals: readonly Lanes[]) => (view: View) => void;
export type Lanes = readonly string[];

const tapsOf = ({ window }: Layer): number => window.kernel[0] * window.kernel[1];

/** Calls `body` for each lane of each pixel that meets a texel. */
function forPixels(
  met: Met[number],
  totals: readonly Lanes[],
  body: (x: Lanes, total: string, lane: number) => void,
): void {
  met.forEach((x, pixel) => {
    if (x) totals[pixel]?.forEach((total, lane) => body(x, total, lane));
  });
}

/** Rows longer than this are cut, so that textures stay within all limits. */
const longestRow = 4096;

/** Blocks of inputs times matrices: row (output block, tap, part), column an input channel, texel its outputs. */
const blocks: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const [taps, perGroup] = [tapsOf(layer), Math.ceil(inputs / lanes)];
  const parts = Math.ceil((perGroup * lanes) / longestRow);
  const perPart = Math.ceil(perGroup / parts);
  const outBlocks = Math.ceil(outputs / lanes);
  const width = perPart * lanes;
  const texels = new Float32Array(width * outBlocks * taps * parts * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++) {
        const row = (Math.floor(o / lanes) * taps + tap) * parts + Math.floor(i / width);
        texels[(row * width + (i % width)) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
      }
  const fetch = w.table({ width, height: outBlocks * taps * parts, texels });
  const group = groups === 1 ? '0' : w.quotient(w.block, outputs / groups / lanes);
  const first = w.let(sum([group, perGroup]));
  return (view) => {
    const part = (index: string, count: number): void => {
      const rows = view.taps.map((tap) =>
        w.let(sum([w.block, taps * parts], [tap, parts], [index, 1])),
      );
      w.loop(count, (step) =>
        view.texels(w.let(sum([first, 1], [index, perPart], [step, 1]))).forEach((met, tap) => {
          if (!met.some(Boolean)) return;
          const factors = range(lanes).map((lane) =>
            w.lanesOf(fetch(rows[tap] as string, sum([step, lanes], [`${lane}`, 1]))),
          );
          forPixels(met, totals, (x, total, lane) => {
            const products = x.map((value, from) => `${value} * ${factors[from]?.[lane]}`);
            w.line(`${total} += ${products.join(' + ')};`);
          });
        }),
      );
    };
    const rest = perGroup - (parts - 1) * perPart;
    if (rest === perPart) w.loop(parts, (index) => part(index, perPart));
    else {
      w.loop(parts - 1, (index) => part(index, perPart));
      part(`${parts - 1}`, rest);
    }
  };
};

/** Row a tap; column (output block, texel of inputs, lane of the pattern). */
const pattern: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const perGroup = outputs / groups;
  const taps = tapsOf(layer);
  const outBlocks = Math.ceil(outputs / lanes);
  // Inputs that each lane reads are the same for all blocks: `inputs` texels, one factor for each lane.
  const width = outBlocks * inputs;
  const texels = new Float32Array(width * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++)
        texels[(tap * width + Math.floor(o / lanes) * inputs + i) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
  const fetch = w.table({ width, height: taps, texels });
  const perBlock = (Math.max(1, lanes / perGroup) * inputs) / lanes;
  return (view) => {
    const texels = range(perBlock).map((texel) =>
      view.texels(w.let(sum([w.block, perBlock], [`${texel}`, 1]))),
    );
    view.taps.forEach((tap, at) => {
      const met = (texels[0] as Met)[at]?.map(
        (first, pixel) => first && texels.flatMap((texel) => texel[at]?.[pixel] as Lanes),
      );
      if (!met?.some(Boolean)) return;
      range(inputs).forEach((i) => {
        const factors = w.lanesOf(fetch(tap, sum([w.block, inputs], [`${i}`, 1])));
        forPixels(met, totals, (x, total, lane) => {
          const from = Math.floor(lane / perGroup) * inputs + i;
          w.line(`${total} += ${x[from]} * ${factors[lane]};`);
        });
      });
    });
  };
};

/** Row (output block, tap), column an input of the group; each lane finds its own input. */
export const elements: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, inputs, outputs, weight } = layer;
  const taps = tapsOf(layer);
  const outBlocks = Math.ceil(outputs / lanes);
  const texels = new Float32Array(inputs * outBlocks * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++)
        texels[((Math.floor(o / lanes) * taps + tap) * inputs + i) * lanes + (o % lanes)] = weight[
          (o * inputs + i) * taps + tap
        ] as number;
  const fetch = w.table({ width: inputs, height: outBlocks * taps, texels });
  const perGroup = outputs / groups;
  const firsts = range(lanes).map((lane) => {
    const group = w.quotient(w.let(w.channel(lane)), perGroup);
    return w.let(sum([group, inputs]));
  });
  return ({ taps: [tap], element }) => {
    const row = w.let(sum([w.block, taps], [tap as string, 1]));
    w.loop(inputs, (i) => {
      const factors = w.lanesOf(fetch(row, i));
      totals[0]?.forEach((total, lane) => {
        const x = element(w.let(sum([firsts[lane] as string, 1], [i, 1])));
        w.line(`${total} += ${x} * ${factors[lane]};`);
      });
    });
  };
};

/** Row a tap, column an output block. */
const multiples: Walk = (w, layer, totals) => {
  const { lanes } = w.target;
  const { groups, outputs, weight } = layer;
  const [taps, multiplier] = [tapsOf(layer), outputs / groups];
  const width = Math.ceil(outputs / lanes);
  const texels = new Float32Array(width * taps * lanes);
  for (let o = 0; o < outputs; o++)
    for (let tap = 0; tap < taps; tap++)
      texels[(tap * width + Math.floor(o / lanes)) * lanes + (o % lanes)] = weight[
        o * taps + tap
      ] as number;
  const fetch = w.table({ width, height: taps, texels });
  const first = w.quotient(w.let(w.channel(0)), multiplier);
  const block = w.quotient(first, lanes);
  const start = w.let(sum([first, 1], [block, -lanes]));
  const places = range(Math.max(1, lanes / multiplier)).map((place) =>
    w.let(sum([start, 1], [`${place}`, 1])),
  );
  return (view) => {
    const picked = new Map<Lanes, Lanes>();
    const pick = (x: Lanes): Lanes => {
      const own = picked.get(x) ?? places.map((place) => w.let(w.pick(x, place)));
      picked.set(x, own);
      return own;
    };
    view.texels(block).forEach((met, at) => {
      if (!met.some(Boolean)) return;
      const factors = w.lanesOf(fetch(view.taps[at] as string, w.block));
      const own = met.map((x) => x && pick(x));
      forPixels(own, totals, (x, total, lane) =>
        w.line(`${total} += ${x[Math.floor(lane / multiplier)]} * ${factors[lane]};`),
      );
    });
  };
};

/** Texels of inputs that a pattern may hold at once. */
const widestPattern = 16;

export function walkOf({ groups, inputs, outputs }: Layer, lanes: number): readonly [string, Walk] {
  const perGroup = outputs / groups;
  if (groups === 1 || (inputs % lanes === 0 && perGroup % lanes === 0)) return ['blocks', blocks];
  const fits = lanes % perGroup === 0 && ((lanes / perGroup) * inputs) % lanes === 0;
  if (fits && inputs <= widestPattern) return [inputs === 1 ? 'depthwise' : 'terms', pattern];
  const together = lanes % perGroup === 0 || perGroup % lanes === 0;
  if (inputs === 1 && together) return ['multiples', multiples];
  return ['elements', elements];
}
