/**
 * Calibration without data: images with the statistics of natural ones (edges at all scales, spectra that fall with
 * frequency), so that fits see plausible correlations where no pictures may be used.
 *
 *   dead-leaves   discs of random sizes and colours that cover one another; radii follow a power law r⁻³, as sizes of
 *                 objects in pictures do (Lee, Mumford, Huang: Occlusion models for natural images, IJCV 2001)
 *   pink-noise    sums of smooth noise of all scales with equal energy per octave
 *   mixed         every other image of one kind
 */
import { createRandom, DataError, float32, sizeOf, type Random } from '@decouple/tensor';
import { channelValues, type Dataset, type Preprocess } from './dataset.ts';

export const syntheticKinds = ['mixed', 'dead-leaves', 'pink-noise'] as const;
export type SyntheticKind = (typeof syntheticKinds)[number];

export interface SyntheticOptions {
  /** `[channels, rows, columns]` */
  readonly sampleShape: readonly number[];
  /** Default 512. */
  readonly samples?: number;
  readonly seed?: number;
  /** Default `mixed`. */
  readonly kind?: SyntheticKind;
  /** Normalisation of pixels in 0..1, as for pictures. */
  readonly preprocess?: Preprocess;
}

/** Planes of one image, `[channels, rows, columns]`, values in 0..1. */
type Painter = (random: Random, channels: number, rows: number, columns: number) => Float32Array;

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** A colour: a brightness that all channels share, and some hue. */
function colourOf(random: Random, channels: number): number[] {
  const brightness = random.uniform();
  return Array.from({ length: channels }, () => clamp(brightness + 0.15 * random.normal()));
}

/** A radius with density r⁻³ between `least` and `most`, by inversion. */
function radiusOf(random: Random, least: number, most: number): number {
  const [a, b] = [least ** -2, most ** -2];
  return (a - random.uniform() * (a - b)) ** -0.5;
}

/** Paints the front disc first; covered pixels are never painted again. */
const sharpLeaves: Painter = (random, channels, rows, columns) => {
  const area = rows * columns;
  const image = new Float32Array(channels * area);
  const painted = new Uint8Array(area);
  const most = Math.max(rows, columns) / 2;
  const least = Math.max(1, most / 8);
  let left = area;
  for (let disc = 0; left > 0 && disc < 8 * area; disc++) {
    const [y, x] = [random.uniform() * rows, random.uniform() * columns];
    const radius = radiusOf(random, least, most);
    const colour = colourOf(random, channels);
    const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(rows, y + radius)];
    const [first, last] = [Math.max(0, Math.floor(x - radius)), Math.min(columns, x + radius)];
    for (let row = top; row < bottom; row++)
      for (let column = first; column < last; column++) {
        const at = row * columns + column;
        const inside = (row + 0.5 - y) ** 2 + (column + 0.5 - x) ** 2 <= radius ** 2;
        if (painted[at] || !inside) continue;
        painted[at] = 1;
        left--;
        colour.forEach((value, channel) => (image[channel * area + at] = value));
      }
  }
  return image;
};

/** Painted at twice the size and averaged: a camera's pixels see more than one leaf at edges. */
const deadLeaves: Painter = (random, channels, rows, columns) => {
  const fine = sharpLeaves(random, channels, 2 * rows, 2 * columns);
  return Float32Array.from({ length: channels * rows * columns }, (_, at) => {
    const [line, column] = [Math.floor(at / columns), at % columns];
    const corner = 4 * line * columns + 2 * column;
    const next = corner + 2 * columns;
    return (
      ((fine[corner] as number) +
        (fine[corner + 1] as number) +
        (fine[next] as number) +
        (fine[next + 1] as number)) /
      4
    );
  });
};

/** Adds a random grid of `cells` nodes per side, interpolated bilinearly. */
function addOctave(
  random: Random,
  plane: Float32Array,
  rows: number,
  columns: number,
  cells: number,
): void {
  const side = cells + 2;
  const nodes = new Float32Array(side * side);
  for (let node = 0; node < nodes.length; node++) nodes[node] = random.normal();
  for (let row = 0, at = 0; row < rows; row++) {
    const y = (row / rows) * cells;
    const top = Math.floor(y);
    const v = y - top;
    for (let column = 0; column < columns; column++, at++) {
      const x = (column / columns) * cells;
      const left = Math.floor(x);
      const u = x - left;
      const [above, below] = [top * side + left, (top + 1) * side + left];
      const value =
        (1 - v) * ((1 - u) * (nodes[above] as number) + u * (nodes[above + 1] as number)) +
        v * ((1 - u) * (nodes[below] as number) + u * (nodes[below + 1] as number));
      plane[at] = (plane[at] as number) + value;
    }
  }
}

function pinkPlane(random: Random, rows: number, columns: number): Float32Array {
  const plane = new Float32Array(rows * columns);
  for (let cells = 1; cells <= Math.max(rows, columns); cells *= 2)
    addOctave(random, plane, rows, columns, cells);
  const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
  const power = plane.reduce((sum, value) => sum + (value - mean) ** 2, 0) / plane.length;
  return plane.map((value) => (value - mean) / Math.sqrt(power || 1));
}

const pinkNoise: Painter = (random, channels, rows, columns) => {
  const brightness = pinkPlane(random, rows, columns);
  const [mean, contrast] = [0.3 + 0.4 * random.uniform(), 0.1 + 0.2 * random.uniform()];
  const image = new Float32Array(channels * rows * columns);
  for (let channel = 0; channel < channels; channel++) {
    const hue = pinkPlane(random, rows, columns);
    image.set(
      brightness.map((value, at) => clamp(mean + contrast * (value + 0.3 * (hue[at] as number)))),
      channel * rows * columns,
    );
  }
  return image;
};

/** Which painter draws image `index`. */
const painterOf = (kind: SyntheticKind, index: number): Painter =>
  kind === 'pink-noise' || (kind === 'mixed' && index % 2 === 1) ? pinkNoise : deadLeaves;

/**
 * A data set of synthetic images, drawn when they are asked for. The same seed gives the same images.
 * @throws DataError when the shape is not that of images.
 */
export function syntheticDataset(options: SyntheticOptions): Dataset {
  const { sampleShape, samples = 512, seed = 1, kind = 'mixed', preprocess = {} } = options;
  const name = `synthetic images (${kind})`;
  const [channels, rows, columns, ...others] = sampleShape;
  if (!channels || !rows || !columns || others.length)
    throw new DataError(
      `${name}: the input must be [channels, rows, columns] with known sizes, got [${sampleShape.join(', ')}]`,
    );
  const mean = channelValues(preprocess.mean, channels, 0, `${name}: mean`);
  const std = channelValues(preprocess.std, channels, 1, `${name}: std`);
  const streams = createRandom(seed);
  const area = rows * columns;
  const draw = (index: number): Float32Array => {
    const random = streams.fork(`image ${index}`);
    return painterOf(kind, index)(random, channels, rows, columns).map(
      (value, at) =>
        (value - (mean[Math.floor(at / area)] as number)) / (std[Math.floor(at / area)] as number),
    );
  };
  return {
    name,
    samples,
    sampleShape: [channels, rows, columns],
    synthetic: true,
    batch: (indices) => {
      const out = new Float32Array(indices.length * sizeOf(sampleShape));
      indices.forEach((index, place) => out.set(draw(index), place * sizeOf(sampleShape)));
      return Promise.resolve(float32([indices.length, channels, rows, columns], out));
    },
  };
}
