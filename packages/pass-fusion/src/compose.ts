/**
 * The product of two convolutions without anything in between, y = B * (A * x + a) + b. Along each axis, with strides
 * s, dilations d, leading pads p, output u reads mid place v = u·s_B + w·d_B - p_B and input place v·s_A + h·d_A - p_A:
 *
 *   u·(s_A s_B) + (w·d_B s_A + h·d_A) - (p_B s_A + p_A)
 *
 * so that the product is a convolution of stride s_A s_B whose taps are the sums w·d_B s_A + h·d_A:
 *
 *   W[o,i,w·d_B s_A + h·d_A] = Σ_m B[o,m,w] A[m,i,h]        bias  b[o] + Σ_{m,w} B[o,m,w] a[m]
 *
 * This holds where B reads no padding. Padding of B is zeros, while A beyond its edge still sees x (kernel > 1) and
 * its bias: an axis that B pads needs a kernel of 1 without pads in A, and no bias a.
 *
 * With g = gcd of the two numbers of groups, both maps are block diagonal in g blocks, and so is the product.
 */
import { multiplyAdd, type View } from '@decouple/linalg';

/** A convolution as this file sees it; a linear layer is 1×1. */
export interface ConvMap {
  /** [outChannels, inChannels / groups, rows, columns] */
  readonly shape: readonly [number, number, number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly groups: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

const axisOf = (map: ConvMap, axis: 0 | 1): Axis => ({
  kernel: map.shape[2 + axis] as number,
  stride: map.stride[axis],
  dilation: map.dilation[axis],
  before: map.pads[axis],
  after: map.pads[axis + 2] as number,
});

const isPadded = ({ before, after }: Axis): boolean => before > 0 || after > 0;

function composeAxis(inner: Axis, outer: Axis): Axis {
  const steps = [
    ...(outer.kernel > 1 ? [outer.dilation * inner.stride] : []),
    ...(inner.kernel > 1 ? [inner.dilation] : []),
  ];
  const dilation = steps.reduce(gcd, 0) || 1;
  const span =
    (outer.kernel - 1) * outer.dilation * inner.stride + (inner.kernel - 1) * inner.dilation;
  return {
    kernel: span / dilation + 1,
    stride: inner.stride * outer.stride,
    dilation,
    before: outer.before * inner.stride + inner.before,
    after: outer.after * inner.stride + inner.after,
  };
}

/** The product's sizes, or why it is not a convolution. */
export function composeMaps(
  inner: ConvMap,
  outer: ConvMap,
  innerBias: boolean,
): ConvMap | { readonly skip: string } {
  const axes = ([0, 1] as const).map((axis) => ({
    inner: axisOf(inner, axis),
    outer: axisOf(outer, axis),
  })) as [{ inner: Axis; outer: Axis }, { inner: Axis; outer: Axis }];
  const padded = axes.filter((axis) => isPadded(axis.outer));
  if (padded.length && innerBias)
    return { skip: 'the bias in between does not reach the zero padding of the outer layer' };
  if (padded.some((axis) => axis.inner.kernel > 1 || isPadded(axis.inner)))
    return { skip: 'the inner layer sees its input beyond the edge that the outer layer pads' };
  const [rows, columns] = axes.map((axis) => composeAxis(axis.inner, axis.outer)) as [Axis, Axis];
  const groups = gcd(inner.groups, outer.groups);
  const channels = inner.shape[1] * inner.groups;
  return {
    shape: [outer.shape[0], channels / groups, rows.kernel, columns.kernel],
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    pads: [rows.before, columns.before, rows.after, columns.after],
    groups,
  };
}

/** Where tap (`row`, `column`) of a factor lies in the product, with the factor's step per axis in input places. */
const tapOf = (product: ConvMap, places: readonly [number, number]): number =>
  (places[0] / product.dilation[0]) * product.shape[3] + places[1] / product.dilation[1];

/** The matrix of a kernel at one tap: rows of weights from `firstRow`, columns from `firstColumn`. */
function tapView<D extends Float32Array | Float64Array>(
  data: D,
  map: ConvMap,
  tap: number,
  firstRow: number,
  firstColumn: number,
): View<D> {
  const taps = map.shape[2] * map.shape[3];
  const rowStride = map.shape[1] * taps;
  return {
    data,
    offset: firstRow * rowStride + firstColumn * taps + tap,
    rowStride,
    columnStride: taps,
  };
}

/** Calls `visit` with the index of each tap and its place along both axes, in steps of the input. */
function forEachTap(
  map: ConvMap,
  scale: readonly [number, number],
  visit: (tap: number, places: readonly [number, number]) => void,
): void {
  const [, , rows, columns] = map.shape;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      visit(row * columns + column, [
        row * map.dilation[0] * scale[0],
        column * map.dilation[1] * scale[1],
      ]);
}

interface Factor {
  readonly map: ConvMap;
  readonly weight: Float32Array;
}

/** Weights of the product, in float64. */
export function composeWeights(inner: Factor, outer: Factor, product: ConvMap): Float64Array {
  const out = new Float64Array(product.shape.reduce((a, b) => a * b, 1));
  const mids = inner.map.shape[0];
  const midsPerInner = mids / inner.map.groups;
  const midsPerOuter = outer.map.shape[1];
  const outsPerOuter = outer.map.shape[0] / outer.map.groups;
  const innerPerBlock = inner.map.groups / product.groups;
  for (let b = 0; b < outer.map.groups; b++) {
    const [first, end] = [b * midsPerOuter, (b + 1) * midsPerOuter];
    for (let a = Math.floor(first / midsPerInner); a * midsPerInner < end; a++) {
      const from = Math.max(first, a * midsPerInner);
      const size = {
        m: outsPerOuter,
        k: Math.min(end, (a + 1) * midsPerInner) - from,
        n: inner.map.shape[1],
      };
      const [row, column] = [b * outsPerOuter, (a % innerPerBlock) * inner.map.shape[1]];
      forEachTap(outer.map, inner.map.stride, (w, outerPlaces) =>
        forEachTap(inner.map, [1, 1], (h, innerPlaces) => {
          const tap = tapOf(product, [
            outerPlaces[0] + innerPlaces[0],
            outerPlaces[1] + innerPlaces[1],
          ]);
          multiplyAdd(
            tapView(out, product, tap, row, column),
            tapView(outer.weight, outer.map, w, row, from - first),
            tapView(inner.weight, inner.map, h, from, 0),
            size,
          );
        }),
      );
    }
  }
  return out;
}

/** `b[o] + Σ_{m,w} B[o,m,w] a[m]`, in float64; absent biases are zeros. */
export function composeBias(
  outer: Factor,
  innerBias: Float32Array | undefined,
  outerBias: Float32Array | undefined,
): Float64Array | undefined {
  if (!innerBias && !outerBias) return undefined;
  const [outs, mids, rows, columns] = outer.map.shape;
  const taps = rows * columns;
  return Float64Array.from({ length: outs }, (_, o) => {
    const firstMid = Math.floor((o * outer.map.groups) / outs) * mids;
    let sum = outerBias?.[o] ?? 0;
    if (innerBias)
      for (let at = 0; at < mids * taps; at++)
        sum +=
          (outer.weight[o * mids * taps + at] as number) *
          (innerBias[firstMid + Math.floor(at / taps)] as number);
    return sum;
  });
}
