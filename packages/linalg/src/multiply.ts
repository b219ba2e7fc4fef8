/**
 * Blocked matrix product C += α·A·B over strided views, the operation all else is reduced to.
 *
 * C is cut into blocks of `blockRows × blockColumns`, the sum over k into stretches of `blockDepth`.
 * For each block the operands are packed into the kernels' memory in panels, multiplied there, and
 * the tiles are added to C; packing also widens float32 and takes care of transposition, which is
 * no more than swapped strides.
 */
import { kernelsWithMemory, tileColumns, tileRows, type Kernels } from './kernel.ts';

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
}

const blockRows = 128;
const blockDepth = 256;
const blockColumns = 1024;
const aBytes = blockRows * blockDepth * 8;
const bBytes = blockDepth * blockColumns * 8;
const cBytes = blockRows * blockColumns * 8;

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
  const { m, n, k, lower = false } = shape;
  const { memory, multiplyTiles } = kernelsWithMemory(aBytes + bBytes + cBytes);
  const scratch: Scratch = {
    a: new Float64Array(memory.buffer, 0, blockRows * blockDepth),
    b: new Float64Array(memory.buffer, aBytes, blockDepth * blockColumns),
    tiles: new Float64Array(memory.buffer, aBytes + bBytes, blockRows * blockColumns),
    multiplyTiles,
  };
  for (let j = 0; j < n; j += blockColumns) {
    const columns = Math.min(blockColumns, n - j);
    for (let l = 0; l < k; l += blockDepth) {
      const depth = Math.min(blockDepth, k - l);
      packPanels(scratch.b, transposed(part(b, l, j)), columns, depth, tileColumns);
      for (let i = lower ? j - (j % blockRows) : 0; i < m; i += blockRows) {
        const rows = Math.min(blockRows, m - i);
        packPanels(scratch.a, part(a, i, l), rows, depth, tileRows);
        const block = { rows, columns, depth, alpha: shape.alpha ?? 1 };
        multiplyBlock(part(c, i, j), scratch, block, lower ? i - j : undefined);
      }
    }
  }
}

interface Scratch {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly tiles: Float64Array;
  readonly multiplyTiles: Kernels['multiplyTiles'];
}

interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly alpha: number;
}

/** Adds the product of the packed panels to a block of C; of row i only columns up to `i + diagonal`. */
function multiplyBlock(c: View, scratch: Scratch, block: Block, diagonal = block.columns): void {
  const { rows, columns, depth, alpha } = block;
  const rowTiles = Math.ceil(rows / tileRows);
  for (let column = 0; column < columns; column += tileColumns) {
    const firstTile = Math.max(0, Math.floor((column - diagonal) / tileRows));
    if (firstTile >= rowTiles) break;
    const row = firstTile * tileRows;
    const panelA = row * depth * 8;
    const panelB = aBytes + column * depth * 8;
    scratch.multiplyTiles(panelA, panelB, aBytes + bBytes, rowTiles - firstTile, depth);
    const size = { rows: rows - row, columns: Math.min(tileColumns, columns - column) };
    addTiles(part(c, row, column), scratch.tiles, size, alpha, row + diagonal - column);
  }
}

/**
 * Packs `count` rows of `from`, each `depth` long, in panels of `width` rows: `panel[l][i]`. Rows
 * missing in the last panel become zeros.
 */
function packPanels(
  panels: Float64Array,
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

/** Adds a column of tiles to C; of row i only the columns up to `i + diagonal`. */
function addTiles(
  c: View,
  tiles: Float64Array,
  size: { rows: number; columns: number },
  alpha: number,
  diagonal: number,
): void {
  const { data, offset, rowStride, columnStride } = c;
  for (let i = 0; i < size.rows; i++) {
    const tile = i * tileColumns;
    const columns = Math.min(size.columns, i + diagonal + 1);
    let at = offset + i * rowStride;
    for (let j = 0; j < columns; j++, at += columnStride) data[at]! += alpha * tiles[tile + j]!;
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
