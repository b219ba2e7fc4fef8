/** Rounding of numbers: to whole ones, and to the 16-bit floats of IEEE 754 (float16) and of Google Brain (bfloat16). */

/** The nearest whole number; halves go to the even neighbour. */
export function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  const down = rest === 0.5 ? low % 2 === 0 : rest < 0.5;
  // What rounds to zero from below is -0.
  return (down ? low : low + 1) || 0 * value;
}

/** Bits of the fraction, the smallest exponent of a normal number, and the largest number. */
const formats = {
  float16: { fraction: 10, lowest: -14, largest: 65504 },
  bfloat16: { fraction: 7, lowest: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
} as const;
export type Float16Format = keyof typeof formats;

/** The nearest number that a 16-bit float can hold; beyond the largest it is infinite. */
export function roundToFloat16(value: number, format: Float16Format): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const { fraction, lowest, largest } = formats[format];
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), lowest);
  const unit = 2 ** (exponent - fraction);
  const rounded = roundToEven(value / unit) * unit;
  return Math.abs(rounded) > largest ? Math.sign(value) * Infinity : rounded;
}
