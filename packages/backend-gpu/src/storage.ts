/**
 * Where the elements of a value lie. A value is a grid of texels, `height` rows of `width`; a texel holds `lanes`
 * neighbouring channels of one pixel: 4 in textures (NHWC4), 1 in plain arrays (NHWC). Axis 1 is that of the channels, or
 * axis 0 of a vector. Lanes beyond the last channel hold zeros.
 *
 *   row    = Σ index of an axis · its rowStride
 *   column = Σ index of an axis · its columnStride + block,   block = ⌊channel / lanes⌋
 *
 * A vector too long for a row is folded: row = … + ⌊block / width⌋, column = block mod width.
 */
import { sizeOf } from '@decouple/tensor';

export type Lanes = 1 | 4;

export interface Storage {
  readonly shape: readonly number[];
  readonly lanes: Lanes;
  /** The axis that is split into blocks of lanes. */
  readonly laneAxis: number;
  readonly blocks: number;
  readonly folded: boolean;
  /** Per axis, in texels; 0 for the axis of lanes. */
  readonly rowStrides: readonly number[];
  readonly columnStrides: readonly number[];
  readonly width: number;
  readonly height: number;
}

/** Rows up to here are taken as they come; longer ones only where rows would be too many. */
const likedWidth = 4096;

/** Strides of `axes`, the last one varying fastest in steps of `unit`, and the size of the whole. */
function stridesOver(
  shape: readonly number[],
  axes: readonly number[],
  unit: number,
): { readonly strides: number[]; readonly size: number } {
  const strides = shape.map(() => 0);
  let size = unit;
  for (const axis of axes.toReversed()) {
    strides[axis] = size;
    size *= shape[axis] as number;
  }
  return { strides, size };
}

/** All ways to deal the outer axes to rows and columns; maps have columns of pixels and rows of rows first. */
function* candidates(shape: readonly number[], lanes: Lanes, laneAxis: number): Generator<Storage> {
  const outer = shape.map((_, axis) => axis).filter((axis) => axis !== laneAxis);
  const blocks = Math.ceil((shape[laneAxis] ?? 1) / lanes);
  const common = { shape, lanes, laneAxis, blocks };
  const first = shape.length >= 4 ? outer.length - 1 : outer.length;
  const splits = [first, ...outer.map((_, place) => place).toReversed(), outer.length];
  for (const split of splits) {
    const rows = stridesOver(shape, outer.slice(0, split), 1);
    const columns = stridesOver(shape, outer.slice(split), blocks);
    yield {
      ...common,
      folded: false,
      rowStrides: rows.strides,
      columnStrides: columns.strides,
      width: columns.size,
      height: rows.size,
    };
  }
  const rows = stridesOver(shape, outer, Math.ceil(blocks / likedWidth));
  yield {
    ...common,
    folded: true,
    rowStrides: rows.strides,
    columnStrides: shape.map(() => 0),
    width: likedWidth,
    height: rows.size,
  };
}

/** The first candidate within the limits. */
function fitting(all: readonly Storage[], largest: number): Storage | undefined {
  const fits = (limit: number): Storage | undefined =>
    all.find(({ width, height }) => width <= limit && height <= limit);
  return fits(Math.min(likedWidth, largest)) ?? fits(largest);
}

/**
 * The place of a value, or `undefined` when it is too large for a texture of `largest` rows and columns, or empty.
 * @param given sizes; a scalar counts as a vector of one.
 */
export function storageOf(
  given: readonly number[],
  lanes: Lanes,
  largest: number,
): Storage | undefined {
  const shape = given.length ? given : [1];
  if (sizeOf(shape) === 0) return undefined;
  return fitting([...candidates(shape, lanes, Math.min(1, shape.length - 1))], largest);
}

/** The place of row-major elements as the host has them; see `toTexels`. */
export function rowsOf(given: readonly number[], largest: number): Storage | undefined {
  const shape = given.length ? given : [1];
  return fitting([...candidates(shape, 1, shape.length - 1)], largest);
}

/** Whether the texels of two values correspond one to one, so that one may stand for the other. */
export function sameTexels(a: Storage, b: Storage): boolean {
  const order = ({ shape, laneAxis }: Storage): string =>
    [...shape.toSpliced(laneAxis, 1), shape[laneAxis]].filter((size) => size !== 1).join();
  const single = ({ shape, laneAxis }: Storage): boolean => shape[laneAxis] === 1;
  return (
    a.width === b.width &&
    a.height === b.height &&
    a.folded === b.folded &&
    a.lanes === b.lanes &&
    single(a) === single(b) &&
    order(a) === order(b)
  );
}

/** Row-major elements as texels; the same array where they stand so already. */
export function toTexels(storage: Storage, data: Float32Array): Float32Array {
  const { width, height, lanes, laneAxis, shape, folded } = storage;
  if (lanes === 1 && laneAxis === shape.length - 1 && !folded) return data;
  const texels = new Float32Array(width * height * lanes);
  forElements(storage, (plain, place) => {
    texels[place] = data[plain] as number;
  });
  return texels;
}

/** Row-major elements from texels. */
export function fromTexels(storage: Storage, texels: Float32Array): Float32Array {
  const data = new Float32Array(sizeOf(storage.shape));
  forElements(storage, (plain, place) => {
    data[plain] = texels[place] as number;
  });
  return data;
}

function forElements(storage: Storage, visit: (plain: number, place: number) => void): void {
  const { shape, lanes, laneAxis, rowStrides, columnStrides, width, folded } = storage;
  let plain = 0;
  const walk = (axis: number, row: number, column: number, channel: number): void => {
    if (axis === shape.length) {
      const block = Math.floor(channel / lanes);
      const [y, x] = folded
        ? [row + Math.floor(block / width), block % width]
        : [row, column + block];
      visit(plain++, (y * width + x) * lanes + (channel % lanes));
      return;
    }
    const [down, right] = [rowStrides[axis] as number, columnStrides[axis] as number];
    for (let index = 0; index < (shape[axis] as number); index++)
      walk(
        axis + 1,
        row + index * down,
        column + index * right,
        axis === laneAxis ? index : channel,
      );
  };
  walk(0, 0, 0, 0);
}
