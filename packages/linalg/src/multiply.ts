/**
 * Blocked matrix product C += α·A·B over strided views, the operation all else is reduced to.
 *
 * C is cut into blocks of `blockRows × blockColumns`, the sum over k into stretches of `blockDepth`.
 * The operands are packed into the kernels' memory in panels: a strip of B for up to `stripDepth` of
 * the sum, blocks of A one at a time. The products of a block gather there, too, and are added to C
 * at the end: large C are slow to reach. Packing takes care of transposition, which is no more than swapped strides;
 * on the way to the panels stretches of an operand that are contiguous are copied whole into a staging area, which
 * also widens float32 and lets columns of a large matrix be read once, line after line.
 *
 * On request products are summed in float32 over short stretches, at twice the speed, and those sums in float64.
 */
import {
  blockRows,
  kernelsWithMemory,
  tileColumns,
  tileColumns32,
  tileRows,
  type PackPanel,
  type ProductKernels,
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

const blockDepth = 256;
const blockColumns = 1024;
/** Stretch of the sum before products are added to C, in float64 and in float32. */
const stripDepth = 8 * blockDepth;
const stripDepth32 = 2 * blockDepth;
/** Contiguous stretches that are staged together: a multiple of all widths of panels. */
const stagedLines = 32;
/** Below this length a loop is faster than a copy in one piece. */
const shortLine = 64;
const tilesAt = blockRows * blockDepth * 8;
const stagingAt = tilesAt + blockRows * blockColumns * 8;
const bAt = stagingAt + stagedLines * blockColumns * 8;

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
  const { data, offset, rowStride, columnStride } = of;
  return { data, offset, rowStride: columnStride, columnStride: rowStride };
}

/** The part of a view that starts at element (row, column). */
export function part<D extends Float64Array | Float32Array>(
  of: View<D>,
  row: number,
  column: number,
): View<D> {
  const { data, offset, rowStride, columnStride } = of;
  return {
    data,
    offset: offset + row * rowStride + column * columnStride,
    rowStride,
    columnStride,
  };
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
  const { memory, float64, float32 } = kernelsWithMemory(bAt + deepest * widest * 8);
  const numbers = single ? Float32Array : Float64Array;
  const scratch: Scratch = {
    staging: new numbers(memory.buffer, stagingAt, stagedLines * blockColumns),
    sums: new Float64Array(memory.buffer, stagingAt, stagedLines * blockColumns),
    columns: single ? tileColumns32 : tileColumns,
    kernels: single ? float32 : float64,
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
  readonly staging: Numbers;
  /** The staging area for rows of C. */
  readonly sums: Float64Array;
  /** Columns of a tile. */
  readonly columns: number;
  readonly kernels: ProductKernels;
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
  const { staging, kernels, columns: width } = scratch;
  for (let l = 0; l < depth; l += blockDepth) {
    const stretch = Math.min(blockDepth, depth - l);
    const target = bAt + l * padded(columns, width) * staging.BYTES_PER_ELEMENT;
    const panels = { target, width, pack: kernels.packColumns };
    packPanels(staging, transposed(part(b, l, 0)), { count: columns, depth: stretch }, panels);
  }
}

/** The first row of tiles that a column of tiles has. */
const firstTileOf = (column: number, { diagonal }: Block): number =>
  Math.max(0, Math.floor((column - diagonal) / tileRows));

/** The product of rows of A with the packed strip of B as columns of tiles, each `blockRows` high. */
function multiplyBlock(scratch: Scratch, a: AnyView, block: Block): void {
  const { rows, columns, depth } = block;
  const rowTiles = Math.ceil(rows / tileRows);
  const { kernels, staging } = scratch;
  const bytes = staging.BYTES_PER_ELEMENT;
  const panels = { target: 0, width: tileRows, pack: kernels.packRows };
  const width = padded(columns, scratch.columns);
  for (let l = 0; l < depth; l += blockDepth) {
    const stretch = Math.min(blockDepth, depth - l);
    packPanels(staging, part(a, 0, l), { count: rows, depth: stretch }, panels);
    for (let column = 0; column < columns; column += scratch.columns) {
      const first = firstTileOf(column, block);
      if (first >= rowTiles) break;
      const row = first * tileRows;
      kernels.multiplyTiles(
        row * stretch * bytes,
        bAt + (l * width + column * stretch) * bytes,
        tilesAt + (column * blockRows + row * scratch.columns) * bytes,
        rowTiles - first,
        stretch,
        l === 0 ? 1 : 0,
      );
    }
  }
}

interface Panels {
  /** Byte in the kernels' memory. */
  readonly target: number;
  /** Rows of a panel. */
  readonly width: number;
  readonly pack: PackPanel;
}

/**
 * Packs `count` rows of `from`, each `depth` long, in panels: `panel[l][i]`. Rows missing in the last panel become
 * zeros.
 */
function packPanels(
  staging: Numbers,
  from: AnyView,
  { count, depth }: { readonly count: number; readonly depth: number },
  { target, width, pack }: Panels,
): void {
  const bytes = staging.BYTES_PER_ELEMENT;
  const panelBytes = width * depth * bytes;
  const wholeRows = padded(count, width);
  if (from.columnStride <= from.rowStride) {
    for (let i = 0; i < count; i += stagedLines) {
      const rows = Math.min(stagedLines, count - i);
      const missing = padded(rows, width) - rows;
      stage(staging, part(from, i, 0), rows, depth, depth);
      if (missing) staging.fill(0, rows * depth, (rows + missing) * depth);
      for (let row = 0; row < rows; row += width) {
        const source = stagingAt + row * depth * bytes;
        pack(source, depth * bytes, bytes, target + ((i + row) / width) * panelBytes, depth);
      }
    }
  } else {
    for (let l = 0; l < depth; l += stagedLines) {
      const lines = Math.min(stagedLines, depth - l);
      stage(staging, transposed(part(from, 0, l)), lines, count, wholeRows);
      for (let row = 0; row < count; row += width) {
        const at = target + (row / width) * panelBytes + l * width * bytes;
        pack(stagingAt + row * bytes, bytes, wholeRows * bytes, at, lines);
      }
    }
  }
}

/** Copies rows of a view; each takes `pitch` numbers, zeros where it ends before. Fast where they are contiguous. */
function stage(staging: Numbers, from: AnyView, rows: number, length: number, pitch: number): void {
  const { data, offset, rowStride, columnStride } = from;
  const whole = columnStride === 1 && length >= shortLine;
  for (let row = 0; row < rows; row++) {
    const start = offset + row * rowStride;
    const to = row * pitch;
    if (whole) staging.set(data.subarray(start, start + length), to);
    else for (let j = 0; j < length; j++) staging[to + j] = data[start + j * columnStride]!;
    for (let j = length; j < pitch; j++) staging[to + j] = 0;
  }
}

/** Adds the products of a block to C. */
function addTiles(c: View, scratch: Scratch, block: Block, alpha: number): void {
  const { sums, kernels } = scratch;
  const tileRowBytes = scratch.columns * scratch.staging.BYTES_PER_ELEMENT;
  const countOf = (row: number): number => Math.min(block.columns, row + block.diagonal + 1);
  for (let i = 0; i < block.rows; i += stagedLines) {
    const rows = Math.min(stagedLines, block.rows - i);
    const columns = countOf(i + rows - 1);
    const pitch = padded(columns, scratch.columns);
    const own = part(c, i, 0);
    stage(sums, own, rows, columns, pitch);
    const tiles = tilesAt + i * tileRowBytes;
    kernels.addTiles(stagingAt, tiles, rows, pitch / scratch.columns, 8 * pitch, alpha);
    for (let row = 0; row < rows; row++)
      unstage(sums, row * pitch, part(own, row, 0), countOf(i + row));
  }
}

/** Copies a staged row back. */
function unstage(sums: Float64Array, from: number, row: View, length: number): void {
  const { data, offset, columnStride } = row;
  if (columnStride === 1 && length >= shortLine)
    data.set(sums.subarray(from, from + length), offset);
  else for (let j = 0; j < length; j++) data[offset + j * columnStride] = sums[from + j]!;
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
