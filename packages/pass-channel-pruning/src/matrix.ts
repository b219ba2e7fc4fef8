/** Parts of row-major matrices. */

export function pickRows(
  matrix: Float64Array,
  columns: number,
  rows: ArrayLike<number>,
): Float64Array {
  const out = new Float64Array(rows.length * columns);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as number;
    out.set(matrix.subarray(row * columns, (row + 1) * columns), at * columns);
  }
  return out;
}

/** Elements at some rows and columns of a matrix of width `width`. */
export function pick(
  matrix: Float64Array,
  width: number,
  rows: ArrayLike<number>,
  columns: ArrayLike<number>,
): Float64Array {
  const out = new Float64Array(rows.length * columns.length);
  let at = 0;
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < columns.length; j++)
      out[at++] = matrix[(rows[i] as number) * width + (columns[j] as number)] as number;
  return out;
}
