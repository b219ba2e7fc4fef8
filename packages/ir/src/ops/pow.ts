/** a to the power of b. The exponents may have another element type than the bases, which gives that of the result. */
import { cast, float32, int64, isWide, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { mapBroadcast, type Element } from '../broadcast.ts';
import { broadcastChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { randomFloats, randomIntegers, shapePairs } from '../sampling.ts';
import { broadcastShapes, inputOf, numeric } from '../shapes.ts';
import { mapElements } from '../unary.ts';

const positive = (value: Tensor): Tensor =>
  mapElements(value, (element) => Math.abs(Number(element)) + 0.25);

/** Exact where both are whole numbers of 64 bits; a negative exponent of those truncates to 0 or ±1. */
function power(a: Element, b: Element): Element {
  if (typeof a !== 'bigint') return Math.pow(a, Number(b));
  const exponent = Number(b);
  if (!Number.isInteger(exponent) || exponent < 0) {
    const result = Math.trunc(Math.pow(Number(a), exponent));
    return Number.isFinite(result) ? BigInt(result) : 0n;
  }
  return wrappedPower(a, BigInt(exponent));
}

/** aᵇ modulo 2⁶⁴ by squaring. */
function wrappedPower(a: bigint, b: bigint): bigint {
  let [result, square] = [1n, a];
  for (let rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asUintN(64, result * square);
    square = BigInt.asUintN(64, square * square);
  }
  return result;
}

function samples(random: Random): Sample<Record<string, never>>[] {
  return [
    ...shapePairs.map(([name, a, b]) => ({
      name,
      inputs: [positive(randomFloats(random, a)), randomFloats(random, b)],
      attrs: {},
    })),
    {
      name: 'signs and zeros',
      inputs: [float32([5], [-2, -2, 0, 3, -1]), float32([5], [3, 2, 2, 0, -1])],
      attrs: {},
    },
    {
      name: 'float32 to whole powers',
      inputs: [randomFloats(random, [2, 3]), int64([2, 3, 0])],
      attrs: {},
    },
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [4], 9), int64([2, 3, 0, 1])],
      attrs: {},
    },
    {
      name: 'int32',
      inputs: [randomIntegers(random, 'int32', [4], 9), cast(int64([2, 3, 0, 1]), 'int32')],
      attrs: {},
    },
  ];
}

export const pow = defineOp({
  kind: 'pow',
  doc: 'a to the power of b with NumPy broadcasting; the result has the element type of a.',
  inputs: [{ name: 'a' }, { name: 'b' }],
  attrs: z.strictObject({}),
  infer: (inputs) => {
    const [a, b] = [inputOf(inputs[0], 'a', numeric), inputOf(inputs[1], 'b', numeric)];
    return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }];
  },
  channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
  reference: (inputs) => {
    const [a, b] = inputs as [Tensor, Tensor];
    // Small whole numbers wrap around as those of 64 bits do.
    const whole = !a.dtype.startsWith('float') && !b.dtype.startsWith('float');
    const base = whole && !isWide(a.dtype) ? cast(a, 'int64') : a;
    return [cast(mapBroadcast(base.dtype, [base, b], power), a.dtype)];
  },
  samples,
});
