/** Lines of a tensor along one axis, for references that work on each of them. */
import { sizeOf } from '@decouple/tensor';

/** Calls `visit` with the positions in memory of every line of `shape` along `axis`, in row-major order. */
export function forEachLine(
  shape: readonly number[],
  axis: number,
  visit: (positions: readonly number[], line: number) => void,
): void {
  const size = shape[axis] as number;
  const step = sizeOf(shape.slice(axis + 1));
  const lines = sizeOf(shape.slice(0, axis)) * step;
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / step) * size * step + (line % step);
    visit(
      Array.from({ length: size }, (_, place) => start + place * step),
      line,
    );
  }
}
