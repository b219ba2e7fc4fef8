/** Zeroes the halo of a padded feature map; the arena's space was used by others before. */
import { fillZeros } from '../emit/simd.ts';
import type { Call, Emitter, KernelContext, Pointer } from '../kernel.ts';
import type { Storage } from '../layout.ts';

interface BorderShape {
  readonly batch: number;
  readonly rows: number;
  /** Floats before the first interior element, of one row of the interior, between rows, and after the last. */
  readonly before: number;
  readonly inside: number;
  readonly between: number;
  readonly after: number;
}

function emitBorder(f: Emitter, at: Pointer, shape: BorderShape): void {
  const zero = f.local('v128');
  const clear = (floats: number): void => {
    if (floats === 0) return;
    fillZeros(f, at, floats, zero);
    f.increment(at, 4 * floats);
  };
  f.forRange(f.local('i32'), 0, shape.batch, 1, () => {
    clear(shape.before);
    f.forRange(f.local('i32'), 0, shape.rows - 1, 1, () => {
      f.increment(at, 4 * shape.inside);
      clear(shape.between);
    });
    f.increment(at, 4 * shape.inside);
    clear(shape.after);
  });
}

/** Calls that zero the halo of arena buffer `buffer`; none without a halo. */
export function borderCalls(context: KernelContext, storage: Storage, buffer: number): Call[] {
  const [top, left, bottom, right] = storage.halo;
  if (storage.halo.every((size) => size === 0) || storage.floats === 0) return [];
  const [batch, channels, rows, columns] = storage.shape as [number, number, number, number];
  const row = (columns + left + right) * channels;
  const shape: BorderShape = {
    batch,
    rows,
    before: top * row + left * channels,
    inside: columns * channels,
    between: (left + right) * channels,
    after: right * channels + bottom * row,
  };
  const name = context.function('border', shape, 1, (f, [at]) =>
    emitBorder(f, at as Pointer, shape),
  );
  return [{ function: name, args: [{ space: 'arena', buffer, offset: 0 }] }];
}
