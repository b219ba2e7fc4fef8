/**
 * Blocked matrix product C += α·A·B over strided views, the operation all else is reduced to.
 *
 * C is cut into blocks of `blockRows × blockColumns`, the sum over k into stretches of `blockDepth`.
 * The operands are packed into the kernels' memory in panels: a strip of B for up to `stripDepth` of
 * the sum, blocks of A one at a time. The products of a block gather there, too, and are added to C
 * at the end: large C are slow to reach. Packing also widens float32 and takes care of transposition,
 * which is no more than swapped strides.
 *
 * On request products are summed in float32 over short stretches, at twice the speed, and those sums in float64.
 */
import {
  kernelsWithMemory,
  tileColumns,
  tileColumns32,
  tileRows,
  type MultiplyTiles,
} from './kernel.ts';

/** A matrix inside an array: element (i, j) is `data[offset + i·rowStride + j·columnStride]`. */
export interface View<D extends Float64Array | Float32Array = Float64Array> {
  readonly data: D;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

export type AnyView = View<Float64Array | Float32Array>;

/** Sizes of C[m, n] += α·A[m, k]·B[k, n]. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha?: number;
  /** Compute only the elements on and below the diagonal of C. */
  readonly lower?: boolean;
  /** Round operands to float32, and sum up to 512 products in float32: errors of about 1e-6 of the rows' norms. */
  readonly single?: boolean;
}

const blockRows = 128;
const blockDepth = 256;
const blockColumns = 1024;
/** Stretch of the sum before products are added to C, in float64 and in float32. */
const stripDepth = 8 * blockDepth;
const stripDepth32 = 2 * blockDepth;
const aBytes = blockRows * blockDepth * 8;
const cBytes = blockRows * blockColumns * 8;
const bAt = aBytes + cBytes;

/** Below this number of multiplications packing costs more than it saves. */
const smallProduct = 2048;

export function view<D extends Float64Array | Float32Array>(
  data: D,
  rowStride: number,
  offset = 0,
): View<D> {
  return { data, offset, rowStride, columnStride: 1 };
}

export function transposed<D extends Float64Array | Float32Array>(of: View<D>): View<D> {
  return { ...of, rowStride: of.columnStride, columnStride: of.rowStride };
}

/** The part of a view that starts at element (row, column). */
export function part<D extends Float64Array | Float32Array>(
  of: View<D>,
  row: number,
  column: number,
): View<D> {
  return { ...of, offset: of.offset + row * of.rowStride + column * of.columnStride };
}

/** C += α·A·B. C must not overlap A or B, except that with `lower` its upper part may. */
export function multiplyAdd(c: View, a: AnyView, b: AnyView, shape: ProductShape): void {
  if (shape.m * shape.n * shape.k <= smallProduct) multiplyAddSmall(c, a, b, shape);
  else multiplyAddBlocked(c, a, b, shape);
}

function multiplyAddSmall(c: View, a: AnyView, b: AnyView, shape: ProductShape): void {
  const { m, n, k, alpha = 1, lower = false } = shape;
  for (let i = 0; i < m; i++) {
    const columns = lower ? Math.min(n, i + 1) : n;
    for (let j = 0; j < columns; j++) {
      let pa = a.offset + i * a.rowStride;
      let pb = b.offset + j * b.columnStride;
      let sum = 0;
      for (let l = 0; l < k; l++, pa += a.columnStride, pb += b.rowStride)
        sum += a.data[pa]! * b.data[pb]!;
      const at = c.offset + i * c.rowStride + j * c.columnStride;
      c.data[at]! += alpha * sum;
    }
  }
}

function multiplyAddBlocked(c: View, a: AnyView, b: AnyView, shape: ProductShape): void {
  const { m, n, k, alpha = 1, lower = false, single = false } = shape;
  const deepest = Math.min(single ? stripDepth32 : stripDepth, k);
  const widest = Math.min(blockColumns, padded(n, tileColumns32));
  const { memory, multiplyTiles, multiplyTiles32 } = kernelsWithMemory(bAt + deepest * widest * 8);
  const numbers = single ? Float32Array : Float64Array;
  const scratch: Scratch = {
    a: new numbers(memory.buffer, 0, blockRows * blockDepth),
    tiles: new numbers(memory.buffer, aBytes, blockRows * blockColumns),
    b: new numbers(memory.buffer, bAt, deepest * widest),
    columns: single ? tileColumns32 : tileColumns,
    multiplyTiles: single ? multiplyTiles32 : multiplyTiles,
  };
  for (let j = 0; j < n; j += blockColumns)
    for (let l = 0; l < k; l += deepest) {
      const strip = { columns: Math.min(blockColumns, n - j), depth: Math.min(deepest, k - l) };
      packStrip(scratch, part(b, l, j), strip);
      for (let i = lower ? j - (j % blockRows) : 0; i < m; i += blockRows) {
        const rows = Math.min(blockRows, m - i);
        const block = { ...strip, rows, diagonal: lower ? i - j : strip.columns };
        multiplyBlock(scratch, part(a, i, l), block);
        addTiles(part(c, i, j), scratch, block, alpha);
      }
    }
}

type Numbers = Float64Array | Float32Array;

interface Scratch {
  readonly a: Numbers;
  readonly tiles: Numbers;
  readonly b: Numbers;
  /** Columns of a tile. */
  readonly columns: number;
  readonly multiplyTiles: MultiplyTiles;
}

interface Strip {
  readonly columns: number;
  readonly depth: number;
}

interface Block extends Strip {
  readonly rows: number;
  /** Of row i only columns up to `i + diagonal` are computed. */
  readonly diagonal: number;
}

const padded = (size: number, tile: number): number => tile * Math.ceil(size / tile);

/** Packs a strip of B: stretch after stretch of the sum, each in panels of columns. */
function packStrip(scratch: Scratch, b: AnyView, { columns, depth }: Strip): void {
  const width = padded(columns, scratch.columns);
  for (let l = 0; l < depth; l += blockDepth) {
    const stretch = Math.min(blockDepth, depth - l);
    const at = l * width;
    const own = scratch.b.subarray(at, at + stretch * width);
    packPanels(own, transposed(part(b, l, 0)), columns, stretch, scratch.columns);
  }
}

/** The first row of tiles that a column of tiles has. */
const firstTileOf = (column: number, { diagonal }: Block): number =>
  Math.max(0, Math.floor((column - diagonal) / tileRows));

/** The product of rows of A with the packed strip of B as columns of tiles, each `blockRows` high. */
function multiplyBlock(scratch: Scratch, a: AnyView, block: Block): void {
  const { rows, columns, depth } = block;
  const rowTiles = Math.ceil(rows / tileRows);
  const bytes = scratch.b.BYTES_PER_ELEMENT;
  const width = padded(columns, scratch.columns);
  scratch.tiles.fill(0, 0, blockRows * width);
  for (let l = 0; l < depth; l += blockDepth) {
    const stretch = Math.min(blockDepth, depth - l);
    packPanels(scratch.a, part(a, 0, l), rows, stretch, tileRows);
    for (let column = 0; column < columns; column += scratch.columns) {
      const first = firstTileOf(column, block);
      if (first >= rowTiles) break;
      const row = first * tileRows;
      scratch.multiplyTiles(
        row * stretch * bytes,
        bAt + (l * width + column * stretch) * bytes,
        aBytes + (column * blockRows + row * scratch.columns) * bytes,
        rowTiles - first,
        stretch,
      );
    }
  }
}

/**
 * Packs `count` rows of `from`, each `depth` long, in panels of `width` rows: `panel[l][i]`. Rows
 * missing in the last panel become zeros.
 */
function packPanels(
  panels: Numbers,
  from: AnyView,
  count: number,
  depth: number,
  width: number,
): void {
  const { data, rowStride, columnStride } = from;
  for (let first = 0; first < count; first += width) {
    const start = from.offset + first * rowStride;
    const panel = first * depth;
    const rows = Math.min(width, count - first);
    if (rows < width) panels.fill(0, panel, panel + width * depth);
    if (columnStride === 1) {
      for (let i = 0; i < rows; i++) {
        const source = start + i * rowStride;
        for (let l = 0, at = panel + i; l < depth; l++, at += width) panels[at] = data[source + l]!;
      }
    } else {
      for (let l = 0; l < depth; l++) {
        const source = start + l * columnStride;
        const at = panel + l * width;
        for (let i = 0; i < rows; i++) panels[at + i] = data[source + i * rowStride]!;
      }
    }
  }
}

/** Adds the tiles of a block to C. */
function addTiles(c: View, { tiles, columns: width }: Scratch, block: Block, alpha: number): void {
  const { data, offset, rowStride, columnStride } = c;
  const { rows, columns, diagonal } = block;
  for (let i = 0; i < rows; i++) {
    const end = Math.min(columns, i + diagonal + 1);
    let at = offset + i * rowStride;
    for (let column = 0; column < end; column += width) {
      const tile = column * blockRows + i * width;
      const count = Math.min(width, end - column);
      for (let j = 0; j < count; j++, at += columnStride) data[at]! += alpha * tiles[tile + j]!;
    }
  }
}

/** The transpose of a row-major `[rows, columns]` matrix as a matrix of its own, `[columns, rows]`. */
export function transposedCopy(
  matrix: ArrayLike<number>,
  rows: number,
  columns: number,
): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = matrix[row * columns + column] as number;
  return result;
}
