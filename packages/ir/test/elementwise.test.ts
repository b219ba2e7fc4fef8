/** Element-wise ops, reductions and indices against numbers worked out by hand, over all element types. */
import {
  bytesPerElement,
  cast,
  dtypes,
  float32,
  int64,
  numbersOf,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numeric, recordOf, type AttrsInput, type OpKind } from '../src/index.ts';

const run = <K extends OpKind>(kind: K, inputs: readonly Tensor[], attrs: AttrsInput<K>): Tensor =>
  recordOf(kind).reference(inputs, recordOf(kind).attrs.parse(attrs))[0] as Tensor;

const numbers = (value: Tensor): number[] => numbersOf(value).map((one) => +one.toFixed(5));
const line = (...values: number[]): Tensor<'float32'> => float32([values.length], values);
const of = (dtype: DType, ...values: number[]): Tensor =>
  cast(tensor('float64', [values.length], Float64Array.from(values)), dtype);

const whole = numeric.filter((dtype) => !dtype.startsWith('float'));

describe('whole numbers', () => {
  const wrap = (dtype: DType, value: bigint): bigint => {
    const bits = 8 * bytesPerElement(dtype);
    return dtype.startsWith('u') ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
  };
  const any = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);

  test.each(whole)('%s wraps around as its type does', (dtype) => {
    const one = (value: bigint): Tensor =>
      cast(tensor('int64', [1], BigInt64Array.of(value)), dtype);
    const element = (value: Tensor): bigint => BigInt(value.data[0] as number | bigint);
    fc.assert(
      fc.property(any, any, (left, right) => {
        const [a, b] = [one(left), one(right)];
        const [x, y] = [element(a), element(b)];
        expect(x).toBe(wrap(dtype, left));
        expect(element(run('add', [a, b], {}))).toBe(wrap(dtype, x + y));
        expect(element(run('sub', [a, b], {}))).toBe(wrap(dtype, x - y));
        expect(element(run('mul', [a, b], {}))).toBe(wrap(dtype, x * y));
        expect(element(run('max', [a, b], {}))).toBe(x > y ? x : y);
        expect(element(run('min', [a, b], {}))).toBe(x < y ? x : y);
        expect(element(run('pow', [a, of('int64', 3)], {}))).toBe(wrap(dtype, x ** 3n));
        if (y === 0n) return;
        expect(element(run('div', [a, b], {}))).toBe(wrap(dtype, x / y));
        expect(element(run('mod', [a, b], { sign: 'dividend' }))).toBe(x % y);
        const floored = ((x % y) + y) % y;
        expect(element(run('mod', [a, b], { sign: 'divisor' }))).toBe(floored);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test('no remainder of a division by zero', () => {
    expect(() => run('mod', [int64([1]), int64([0])], {})).toThrow(/division by zero/);
    expect(() => run('mod', [of('int8', 1), of('int8', 0)], {})).toThrow(/division by zero/);
  });

  test('sign and absolute value', () => {
    for (const dtype of ['int64', 'int8', 'float64'] as const) {
      expect(numbersOf(run('sign', [of(dtype, -5, 0, 7)], {}))).toEqual([-1, 0, 1]);
      expect(numbersOf(run('abs', [of(dtype, -5, 0, 7)], {}))).toEqual([5, 0, 7]);
    }
  });
});

describe('functions of floats', () => {
  test('powers, remainders, extremes', () => {
    expect(numbers(run('pow', [line(2, 9, -2), line(3, 0.5, 2)], {}))).toEqual([8, 3, 4]);
    expect(numbersOf(run('mod', [line(-5.5, 5.5), line(3, -3)], {}))).toEqual([-2.5, 2.5]);
    expect(numbersOf(run('max', [line(1, NaN, 3), line(2, 1, NaN)], {}))).toEqual([2, NaN, NaN]);
    expect(numbersOf(run('min', [line(1, NaN, 3), line(2, 1, NaN)], {}))).toEqual([1, NaN, NaN]);
  });

  test('float64 keeps its digits', () => {
    const third = tensor('float64', [1], Float64Array.of(1 / 3));
    expect(run('add', [third, third], {}).data).toEqual(Float64Array.of(2 / 3));
    expect(run('exp', [third], {}).data).toEqual(Float64Array.of(Math.exp(1 / 3)));
    expect(run('reduce', [third], { kind: 'max', axes: [0] }).data).toEqual(Float64Array.of(1 / 3));
  });

  test('prelu', () => {
    const x = float32([2, 2], [-1, 2, -3, 4]);
    expect(numbersOf(run('prelu', [x, line(0.5, 2)], {}))).toEqual([-0.5, 2, -1.5, 4]);
    const types = [x, float32([3, 1, 1], [1, 2, 3])].map(({ dtype, shape }) => ({ dtype, shape }));
    expect(() => recordOf('prelu').infer(types, {})).toThrow(/does not fit/);
  });

  test('trigonometric functions', () => {
    const at = (name: AttrsInput<'trigonometric'>['function'], value: number): number | undefined =>
      numbers(run('trigonometric', [line(value)], { function: name }))[0];
    expect(at('sin', Math.PI / 2)).toBe(1);
    expect(at('cos', Math.PI)).toBe(-1);
    expect(at('tan', Math.PI / 4)).toBe(1);
    expect([at('asin', 1), at('acos', 0), at('atan', 1)]).toEqual([1.5708, 1.5708, 0.7854]);
    expect([at('sinh', 1), at('cosh', 1)]).toEqual([1.1752, 1.54308]);
    expect([at('asinh', 1), at('acosh', 2), at('atanh', 0.5)]).toEqual([0.88137, 1.31696, 0.54931]);
  });

  test('log-softmax does not underflow', () => {
    expect(numbersOf(run('log-softmax', [line(0, 1000)], {}))).toEqual([-1000, 0]);
  });
});

describe('truth values', () => {
  const bools = (...values: number[]): Tensor => of('bool', ...values);

  test('comparisons of every type', () => {
    for (const dtype of numeric) {
      const inputs = [of(dtype, 1, 2, 3), of(dtype, 2, 2, 2)];
      expect(numbersOf(run('compare', inputs, { relation: 'equal' }))).toEqual([0, 1, 0]);
      expect(numbersOf(run('compare', inputs, { relation: 'greater' }))).toEqual([0, 0, 1]);
      const least = { relation: 'greater-or-equal' } as const;
      expect(numbersOf(run('compare', inputs, least))).toEqual([0, 1, 1]);
    }
  });

  test('logic and choice', () => {
    const inputs = [bools(0, 0, 1, 1), bools(0, 1, 0, 1)];
    expect(numbersOf(run('logical', inputs, { operator: 'and' }))).toEqual([0, 0, 0, 1]);
    expect(numbersOf(run('logical', inputs, { operator: 'or' }))).toEqual([0, 1, 1, 1]);
    expect(numbersOf(run('logical', inputs, { operator: 'xor' }))).toEqual([0, 1, 1, 0]);
    expect(numbersOf(run('not', [bools(0, 1)], {}))).toEqual([1, 0]);
    for (const dtype of dtypes) {
      const chosen = run('where', [bools(1, 0), of(dtype, 1, 1), of(dtype, 0, 0)], {});
      expect([chosen.dtype, numbersOf(chosen)]).toEqual([dtype, [1, 0]]);
    }
  });
});

describe('reductions', () => {
  const kinds = ['sum', 'mean', 'max', 'min', 'prod'] as const;

  test.each(numeric)('of %s', (dtype) => {
    const x = { ...of(dtype, 1, 5, 2, 8, 3, 4), shape: [2, 3] };
    const results = kinds.map((kind) => numbersOf(run('reduce', [x], { kind, axes: [1] })));
    // Means of whole numbers truncate, and 96 fits every type.
    const means = dtype.startsWith('float') ? [Math.fround(8 / 3), 5] : [2, 5];
    expect(results.map((list) => list.map(Math.fround))).toEqual([
      [8, 15],
      means,
      [5, 8],
      [1, 3],
      [10, 96],
    ]);
  });

  test('of nothing', () => {
    const empty = float32([2, 0], []);
    const over = (kind: (typeof kinds)[number], x: Tensor = empty): number[] =>
      numbersOf(run('reduce', [x], { kind, axes: [1], keepDims: false }));
    expect(kinds.map((kind) => over(kind))).toEqual([
      [0, 0],
      [NaN, NaN],
      [-Infinity, -Infinity],
      [Infinity, Infinity],
      [1, 1],
    ]);
    expect(over('max', { ...of('int8'), shape: [1, 0] })).toEqual([-128]);
    expect(over('min', { ...of('uint16'), shape: [1, 0] })).toEqual([65535]);
    expect(over('max', { ...of('bool'), shape: [1, 0] })).toEqual([0]);
    const least = run('reduce', [{ ...int64([]), shape: [0] }], { kind: 'max', axes: [0] });
    expect(least.data).toEqual(BigInt64Array.of(-(2n ** 63n)));
  });

  test('NaN wins an extreme, and sums of 64 bits are exact', () => {
    const nan = line(1, NaN, 2);
    for (const kind of ['max', 'min'] as const)
      expect(numbersOf(run('reduce', [nan], { kind, axes: [0] }))).toEqual([NaN]);
    const large = tensor('int64', [2], BigInt64Array.of(2n ** 60n, 1n));
    expect(run('reduce', [large], { kind: 'sum', axes: [0] }).data).toEqual(
      BigInt64Array.of(2n ** 60n + 1n),
    );
  });
});

describe('places of extremes', () => {
  const x = line(3, 1, 3, 1, 2);

  test('the first or last of equals', () => {
    const place = (attrs: AttrsInput<'arg-extreme'>): number[] =>
      numbersOf(run('arg-extreme', [x], attrs));
    expect(place({})).toEqual([0]);
    expect(place({ last: true })).toEqual([2]);
    expect(place({ largest: false })).toEqual([1]);
    expect(place({ largest: false, last: true })).toEqual([3]);
  });

  test('the best few, equals in order', () => {
    expect(numbersOf(run('top-k', [x], { count: 3 }))).toEqual([0, 2, 4]);
    expect(numbersOf(run('top-k', [x], { count: 3, largest: false }))).toEqual([1, 3, 4]);
    const columns = run('top-k', [float32([2, 2], [1, 4, 2, 3])], { count: 1, axis: 0 });
    expect([columns.shape, numbersOf(columns)]).toEqual([
      [1, 2],
      [1, 0],
    ]);
    const attrs = recordOf('top-k').attrs.parse({ count: 6 });
    expect(() => recordOf('top-k').infer([x], attrs)).toThrow(/6 elements sought/);
  });

  test('running sums', () => {
    const sums = (attrs: Omit<AttrsInput<'cumulative-sum'>, 'axis'>): number[] =>
      numbersOf(run('cumulative-sum', [line(1, 2, 3)], { axis: 0, ...attrs }));
    expect(sums({})).toEqual([1, 3, 6]);
    expect(sums({ exclusive: true })).toEqual([0, 1, 3]);
    expect(sums({ reverse: true })).toEqual([6, 5, 3]);
    expect(sums({ exclusive: true, reverse: true })).toEqual([5, 3, 0]);
  });
});

describe('indices', () => {
  const x = float32([2, 3], [1, 2, 3, 4, 5, 6]);

  test('gathering elements and slices', () => {
    const indices = int64([0, -1, 1, 1], [2, 2]);
    expect(numbersOf(run('gather-elements', [x, indices], { axis: 1 }))).toEqual([1, 3, 5, 5]);
    expect(numbersOf(run('gather-nd', [x, indices], {}))).toEqual([3, 5]);
    const rows = run('gather-nd', [x, int64([1, 0], [2, 1])], {});
    expect([rows.shape, numbersOf(rows)]).toEqual([
      [2, 3],
      [4, 5, 6, 1, 2, 3],
    ]);
    const perRow = run('gather-nd', [x, int64([2, 0], [2, 1])], { batchDims: 1 });
    expect(numbersOf(perRow)).toEqual([3, 4]);
    expect(() => run('gather-elements', [x, int64([3], [1, 1])], { axis: 1 })).toThrow(/outside/);
  });

  test('scattering elements and slices', () => {
    const scatter = (reduction: 'none' | 'add' | 'mul' | 'max' | 'min'): number[] =>
      numbersOf(
        run('scatter-elements', [x, int64([2, 2], [1, 2]), float32([1, 2], [10, -1])], {
          axis: 1,
          reduction,
        }),
      );
    expect(scatter('none')).toEqual([1, 2, -1, 4, 5, 6]);
    expect(scatter('add')).toEqual([1, 2, 12, 4, 5, 6]);
    expect(scatter('mul')).toEqual([1, 2, -30, 4, 5, 6]);
    expect(scatter('max')).toEqual([1, 2, 10, 4, 5, 6]);
    expect(scatter('min')).toEqual([1, 2, -1, 4, 5, 6]);
    const rows = [x, int64([-1], [1, 1]), float32([1, 3], [7, 8, 9])];
    expect(numbersOf(run('scatter-nd', rows, {}))).toEqual([1, 2, 3, 7, 8, 9]);
    expect(numbersOf(x)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(() =>
      run('scatter-nd', [x, int64([2], [1, 1]), float32([1, 3], [7, 8, 9])], {}),
    ).toThrow(/index 2 is outside axis 0/);
  });
});

describe('casts', () => {
  test('between all types', () => {
    for (const from of dtypes)
      for (const to of dtypes) {
        const result = run('cast', [of(from, 0, 1)], { to });
        expect([result.dtype, numbersOf(result)], `${from} to ${to}`).toEqual([to, [0, 1]]);
      }
  });

  test('64 bits stay exact, fewer wrap around', () => {
    const large = tensor('int64', [2], BigInt64Array.of(-1n, 2n ** 53n + 1n));
    expect(run('cast', [large], { to: 'uint64' }).data).toEqual(
      BigUint64Array.of(2n ** 64n - 1n, 2n ** 53n + 1n),
    );
    expect(numbersOf(run('cast', [large], { to: 'int32' }))).toEqual([-1, 1]);
    expect(numbersOf(run('cast', [large], { to: 'uint8' }))).toEqual([255, 1]);
  });

  test('16-bit precision', () => {
    const half = line(1 / 3, 2049, 2051, 65519, 65520, -1e-8, 6e-8);
    const rounded = run('cast', [half], { to: 'float32', precision: 'float16' });
    expect(numbersOf(rounded)).toEqual([0.333251953125, 2048, 2052, 65504, Infinity, -0, 2 ** -24]);
    const brain = run('cast', [line(1 / 3, 257, 3.4e38)], { to: 'float32', precision: 'bfloat16' });
    expect(numbersOf(brain)).toEqual([0.333984375, 256, Infinity]);
    const attrs = recordOf('cast').attrs.parse({ to: 'int32', precision: 'float16' });
    expect(() => recordOf('cast').infer([half], attrs)).toThrow(/kept as float32/);
  });
});
