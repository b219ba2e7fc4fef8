/** Inner product of the first `length` elements. */
export function dot(x: Float64Array, y: Float64Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** y += factor · x. */
export function addScaled(y: Float64Array, x: Float64Array, factor: number, length: number): void {
  for (let i = 0; i < length; i++) y[i]! += factor * x[i]!;
}
