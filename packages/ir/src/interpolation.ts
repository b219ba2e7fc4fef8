/**
 * Interpolation along one axis: for every place of the result, the places of the input it is made of and their
 * weights, as the ONNX operator Resize defines them (version 19).
 */

export const coordinateModes = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_crop_and_resize',
] as const;
export const nearestModes = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;

/** How one axis is resized. */
export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: (typeof coordinateModes)[number];
  readonly nearest: (typeof nearestModes)[number];
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly input: number;
  readonly output: number;
  /** Output over input as the coordinates see it: given scales need not divide evenly. */
  readonly scale: number;
  /** First and last place of the region in tf_crop_and_resize, in multiples of the axis. */
  readonly region: readonly [number, number];
}

export type Tap = readonly [place: number, weight: number];

/** The place in the input that an output place stands for. */
function sourceOf(
  at: number,
  { coordinates, input, output, scale, region }: Interpolation,
): number {
  const resized = scale * input;
  switch (coordinates) {
    case 'align_corners':
      return resized === 1 ? 0 : (at * (input - 1)) / (resized - 1);
    case 'asymmetric':
      return at / scale;
    case 'tf_crop_and_resize': {
      const [start, end] = region;
      if (resized === 1) return ((start + end) * (input - 1)) / 2;
      return start * (input - 1) + (at * (end - start) * (input - 1)) / (resized - 1);
    }
    case 'pytorch_half_pixel':
      return output === 1 ? 0 : (at + 0.5) / scale - 0.5;
    case 'half_pixel':
      return (at + 0.5) / scale - 0.5;
    case 'half_pixel_symmetric':
      return (input / 2) * (1 - output / resized) + (at + 0.5) / scale - 0.5;
  }
}

function nearestPlace(source: number, mode: Interpolation['nearest']): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(source - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(source + 0.5);
    case 'floor':
      return Math.floor(source);
    case 'ceil':
      return Math.ceil(source);
  }
}

/** Keys' cubic kernel at a distance. */
function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/** Weights of the places around `source`; when shrinking with antialias, the kernel is stretched over more of them. */
function weighted(source: number, axis: Interpolation): Tap[] {
  const base = Math.ceil(source) - 1;
  const stretch = axis.antialias ? Math.min(axis.scale, 1) : 1;
  const reach = axis.mode === 'linear' ? 1 : 2;
  const first = Math.floor(-reach / stretch) + 1;
  return Array.from({ length: 2 - 2 * first }, (_, tap): Tap => {
    const place = base + first + tap;
    const distance = (place - source) * stretch;
    const weight =
      axis.mode === 'linear' ? Math.max(0, 1 - Math.abs(distance)) : cubic(distance, axis.cubicA);
    return [place, weight];
  });
}

function tapsAt(source: number, axis: Interpolation): Tap[] {
  if (axis.mode === 'nearest') return [[nearestPlace(source, axis.nearest), 1]];
  const all = weighted(source, axis);
  const counted = axis.excludeOutside
    ? all.filter(([place]) => place >= 0 && place < axis.input)
    : all;
  const total = counted.reduce((sum, [, weight]) => sum + weight, 0);
  return counted.map(([place, weight]) => [place, weight / total]);
}

/** What each place of the result is made of; `undefined` where it lies outside in tf_crop_and_resize. */
export function interpolate(axis: Interpolation): (Tap[] | undefined)[] {
  const last = axis.input - 1;
  return Array.from({ length: axis.output }, (_, at) => {
    const source = sourceOf(at, axis);
    if (axis.coordinates === 'tf_crop_and_resize' && (source < 0 || source > last))
      return undefined;
    return tapsAt(source, axis).map(([place, weight]): Tap => [
      Math.min(Math.max(place, 0), last),
      weight,
    ]);
  });
}
