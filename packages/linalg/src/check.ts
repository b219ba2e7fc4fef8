import { invariant } from '@decouple/tensor';

/** Throws `InvariantError` unless the array holds exactly `length` elements. */
export function requireLength(what: string, array: ArrayLike<number>, length: number): void {
  invariant(
    array.length === length,
    `${what} has ${array.length} elements, but the dimensions given ask for ${length}`,
  );
}
