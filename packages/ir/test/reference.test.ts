/** References against independent formulas, and against numbers worked out by hand. */
import {
  createRandom,
  difference,
  float32,
  int64,
  numbersOf,
  sizeOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { ops, recordOf, type AttrsInput, type OpKind } from '../src/index.ts';

const run = <K extends OpKind>(
  kind: K,
  inputs: readonly (Tensor | undefined)[],
  attrs: AttrsInput<K>,
): Tensor => recordOf(kind).reference(inputs, recordOf(kind).attrs.parse(attrs))[0] as Tensor;

const range = (shape: number[]): Tensor<'float32'> =>
  float32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, place) => place),
  );

/** x[n,c,h,w], 0 outside. */
const at = (x: Tensor, n: number, c: number, h: number, w: number): number => {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  if (h < 0 || w < 0 || h >= height || w >= width) return 0;
  return Number(x.data[((n * channels + c) * height + h) * width + w]);
};

/** Convolution as a matrix of patches times a matrix of weights, group by group. */
function convolveByPatches(
  [x, weight, bias, residual]: readonly (Tensor | undefined)[],
  attrs: ReturnType<typeof ops.conv2d.attrs.parse>,
): number[] {
  const [input, kernel] = [x as Tensor, weight as Tensor];
  const { stride, pads, dilation, groups } = attrs;
  const [batch, channels, height, width] = input.shape as [number, number, number, number];
  const [outChannels, perGroup, rows, columns] = kernel.shape as [number, number, number, number];
  const count = (size: number, pad: number, axis: 0 | 1, taps: number): number =>
    Math.floor((size + pad - (dilation[axis] * (taps - 1) + 1)) / stride[axis]) + 1;
  const outRows = count(height, pads[0] + pads[2], 0, rows);
  const outColumns = count(width, pads[1] + pads[3], 1, columns);
  expect(perGroup * groups).toBe(channels);
  const out: number[] = [];
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outChannels; o++) {
      const group = Math.floor((o * groups) / outChannels);
      for (let pixel = 0; pixel < outRows * outColumns; pixel++) {
        const patch = Array.from({ length: perGroup * rows * columns }, (_, tap) =>
          at(
            input,
            n,
            group * perGroup + Math.floor(tap / (rows * columns)),
            Math.floor(pixel / outColumns) * stride[0] -
              pads[0] +
              (Math.floor(tap / columns) % rows) * dilation[0],
            (pixel % outColumns) * stride[1] - pads[1] + (tap % columns) * dilation[1],
          ),
        );
        const line = numbersOf(kernel).slice(o * patch.length, (o + 1) * patch.length);
        const product = patch.reduce((sum, value, tap) => sum + value * (line[tap] as number), 0);
        const sum = product + Number(bias?.data[o] ?? 0) + Number(residual?.data[out.length] ?? 0);
        const { activation } = attrs;
        if (activation?.kind === 'relu') out.push(Math.max(0, sum));
        else if (activation?.kind === 'clip')
          out.push(Math.min(activation.max, Math.max(activation.min, sum)));
        else if (activation?.kind === 'leaky-relu')
          out.push(sum < 0 ? sum * activation.alpha : sum);
        else out.push(sum);
      }
    }
  return out;
}

describe('convolution and matrix products', () => {
  test('conv2d is patches times weights, on all its samples', () => {
    for (const { name, inputs, attrs } of ops.conv2d.samples(createRandom(11))) {
      const result = run('conv2d', inputs, attrs);
      const expected = float32(result.shape, convolveByPatches(inputs, attrs));
      expect(difference(result, expected).maxRel, name).toBeLessThan(1e-6);
    }
  });

  test('conv2d by hand', () => {
    const x = float32([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const weight = float32([1, 1, 2, 2], [1, 10, 100, 1000]);
    expect(numbersOf(run('conv2d', [x, weight], {}))).toEqual([5421, 6532]);
    // A flipped kernel would be a convolution in the mathematical sense; padding is zeros.
    const padded = run('conv2d', [x, weight], { pads: [1, 0, 0, 0] });
    expect(padded.shape).toEqual([1, 1, 2, 2]);
    expect(numbersOf(padded)).toEqual([2100, 3200, 5421, 6532]);
  });

  test('linear is a matrix product with the transpose', () => {
    for (const { name, inputs, attrs } of ops.linear.samples(createRandom(12))) {
      const [x, weight, bias, residual] = inputs as [Tensor, Tensor, Tensor?, Tensor?];
      const transposed = run('transpose', [weight], { permutation: [1, 0] });
      let expected = run('matmul', [x, transposed], {});
      if (bias) expected = run('add', [expected, bias], {});
      if (residual) expected = run('add', [expected, residual], {});
      if (attrs.activation?.kind === 'relu') expected = run('relu', [expected], {});
      if (attrs.activation?.kind === 'clip') {
        const { min, max } = attrs.activation;
        expected = run('clip', [expected], { min, max });
      }
      expect(difference(run('linear', inputs, attrs), expected).maxRel, name).toBeLessThan(1e-6);
    }
  });

  test('matmul repeats stacks', () => {
    const a = float32([2, 1, 2], [1, 2, 3, 4]);
    const b = float32([2, 2], [1, 10, 100, 1000]);
    const product = run('matmul', [a, b], {});
    expect(product.shape).toEqual([2, 1, 2]);
    expect(numbersOf(product)).toEqual([201, 2010, 403, 4030]);
    const inner = run('matmul', [float32([2], [1, 2]), float32([2], [3, 4])], {});
    expect([inner.shape, numbersOf(inner)]).toEqual([[], [11]]);
  });
});

describe('element by element', () => {
  const line = float32([5], [-4, -1, 0, 1, 4]);
  const rounded = (value: Tensor): number[] => numbersOf(value).map((one) => +one.toFixed(5));

  test('functions of one value', () => {
    expect(numbersOf(run('relu', [line], {}))).toEqual([0, 0, 0, 1, 4]);
    expect(rounded(run('leaky-relu', [line], { alpha: 0.1 }))).toEqual([-0.4, -0.1, 0, 1, 4]);
    expect(numbersOf(run('clip', [line], { min: -1, max: 2 }))).toEqual([-1, -1, 0, 1, 2]);
    expect(rounded(run('sigmoid', [line], {}))).toEqual([0.01799, 0.26894, 0.5, 0.73106, 0.98201]);
    expect(rounded(run('tanh', [line], {}))).toEqual([-0.99933, -0.76159, 0, 0.76159, 0.99933]);
    expect(rounded(run('hard-sigmoid', [line], {}))).toEqual([0, 0.3, 0.5, 0.7, 1]);
    expect(rounded(run('hard-swish', [line], {})).map(Math.abs)).toEqual([
      0, 0.33333, 0, 0.66667, 4,
    ]);
  });

  test('NaN is kept by relu and clip', () => {
    const nan = float32([1], [NaN]);
    expect(numbersOf(run('relu', [nan], {}))).toEqual([NaN]);
    expect(numbersOf(run('clip', [nan], { min: 0, max: 6 }))).toEqual([NaN]);
  });

  test('broadcasting', () => {
    const column = float32([2, 1], [10, 20]);
    const row = float32([3], [1, 2, 3]);
    expect(numbersOf(run('add', [column, row], {}))).toEqual([11, 12, 13, 21, 22, 23]);
    expect(numbersOf(run('sub', [column, row], {}))).toEqual([9, 8, 7, 19, 18, 17]);
    expect(numbersOf(run('mul', [row, column], {}))).toEqual([10, 20, 30, 20, 40, 60]);
    expect(numbersOf(run('div', [column, float32([], [4])], {}))).toEqual([2.5, 5]);
    expect(
      numbersOf(run('add', [row, float32([], [-2])], { activation: { kind: 'relu' } })),
    ).toEqual([0, 0, 1]);
  });

  test('whole numbers wrap around and divide towards zero', () => {
    const int32 = (...values: number[]): Tensor =>
      tensor('int32', [values.length], Int32Array.from(values));
    expect(numbersOf(run('div', [int64([7, -7, 7]), int64([2, 2, -2])], {}))).toEqual([3, -3, -3]);
    expect(numbersOf(run('div', [int32(7, -7, 7), int32(2, 2, -2)], {}))).toEqual([3, -3, -3]);
    expect(numbersOf(run('add', [int32(2 ** 31 - 1), int32(1)], {}))).toEqual([-(2 ** 31)]);
    expect(numbersOf(run('mul', [int32(65537), int32(65537)], {}))).toEqual([131073]);
    const largest = tensor('int64', [1], BigInt64Array.of(2n ** 63n - 1n));
    expect(run('add', [largest, int64([1])], {}).data).toEqual(BigInt64Array.of(-(2n ** 63n)));
    expect(() => run('div', [int64([1]), int64([0])], {})).toThrow(/divided by zero/);
    expect(() => run('div', [int32(1), int32(0)], {})).toThrow(/divided by zero/);
  });
});

describe('normalisation and means', () => {
  test('batch-normalization by hand', () => {
    const x = float32([1, 2, 1, 2], [1, 3, 10, 20]);
    const statistics = [
      [2, 3],
      [1, -1],
      [2, 10],
      [3, 24],
    ].map((data) => float32([2], data));
    // 2·(1-2)/√4 + 1, 2·(3-2)/√4 + 1; 3·0/√25 - 1, 3·10/√25 - 1
    expect(numbersOf(run('batch-normalization', [x, ...statistics], { epsilon: 1 }))).toEqual([
      0, 2, -1, 5,
    ]);
  });

  test('softmax does not overflow and sums to 1 along its axis', () => {
    const x = float32([2, 2], [1000, 1000, 0, Math.log(3)]);
    const rows = numbersOf(run('softmax', [x], {})).map((value) => +value.toFixed(6));
    expect(rows).toEqual([0.5, 0.5, 0.25, 0.75]);
    const columns = run('softmax', [range([2, 3])], { axis: 0 });
    const share = 1 / (1 + Math.exp(3));
    numbersOf(columns).forEach((value, place) =>
      expect(value).toBeCloseTo(place < 3 ? share : 1 - share, 6),
    );
  });

  test('means', () => {
    const x = range([1, 2, 2, 2]);
    expect(numbersOf(run('global-average-pool', [x], {}))).toEqual([1.5, 5.5]);
    expect(numbersOf(run('reduce', [x], { kind: 'mean', axes: [1] }))).toEqual([2, 3, 4, 5]);
    const scalar = run('reduce', [x], { kind: 'mean', axes: [0, 1, 2, 3], keepDims: false });
    expect([scalar.shape, numbersOf(scalar)]).toEqual([[], [3.5]]);
  });
});

describe('pooling', () => {
  const x = range([1, 1, 3, 3]);
  const pool = { kernel: [2, 2], stride: [2, 2] } as const;
  const kernel: [number, number] = [...pool.kernel];
  const stride: [number, number] = [...pool.stride];

  test('a partial last window counts with ceil', () => {
    expect(numbersOf(run('max-pool', [x], { kernel, stride }))).toEqual([4]);
    expect(numbersOf(run('max-pool', [x], { kernel, stride, ceil: true }))).toEqual([4, 5, 7, 8]);
    expect(numbersOf(run('average-pool', [x], { kernel, stride, ceil: true }))).toEqual([
      2, 3.5, 6.5, 8,
    ]);
  });

  test('a window that would start in the trailing padding does not count', () => {
    const attrs = { kernel: [3, 3], stride: [3, 3], pads: [1, 1, 1, 1], ceil: true } as const;
    const result = run('max-pool', [range([1, 1, 5, 5])], {
      kernel: [...attrs.kernel],
      stride: [...attrs.stride],
      pads: [...attrs.pads],
      ceil: true,
    });
    expect(result.shape).toEqual([1, 1, 2, 2]);
    expect(numbersOf(result)).toEqual([6, 9, 21, 24]);
  });

  test('padding never wins a maximum', () => {
    const negative = float32([1, 1, 1, 1], [-5]);
    const result = run('max-pool', [negative], { kernel: [3, 3], pads: [1, 1, 1, 1] });
    expect(numbersOf(result)).toEqual([-5]);
  });

  test('padding counts in an average when asked, and what sticks out further in ceil mode', () => {
    const ones = float32([1, 1, 2, 2], [1, 1, 1, 1]);
    const pads: [number, number, number, number] = [1, 1, 0, 0];
    expect(numbersOf(run('average-pool', [ones], { kernel, pads }))).toEqual([1, 1, 1, 1]);
    expect(numbersOf(run('average-pool', [ones], { kernel, pads, countIncludePad: true }))).toEqual(
      [0.25, 0.5, 0.5, 1],
    );
    const line = float32([1, 1, 1, 3], [1, 1, 1]);
    const out = run('average-pool', [line], {
      kernel: [1, 2],
      stride: [1, 2],
      ceil: true,
      countIncludePad: true,
    });
    expect(numbersOf(out)).toEqual([1, 0.5]);
  });

  test('dilation', () => {
    const out = run('max-pool', [range([1, 1, 1, 5])], { kernel: [1, 2], dilation: [1, 3] });
    expect(numbersOf(out)).toEqual([3, 4]);
  });

  test('a window wholly in the padding is refused', () => {
    const type = { dtype: 'float32' as const, shape: [1, 1, 4, 4] };
    const attrs = ops['max-pool'].attrs.parse({ kernel: [2, 2], pads: [0, 2, 0, 0] });
    expect(() => ops['max-pool'].infer([type], attrs)).toThrow(/must be smaller than the window/);
  });
});

describe('moving elements', () => {
  test('slices, forwards and backwards', () => {
    const x = range([6]);
    const cut = (start: number, end: number, step: number): number[] =>
      numbersOf(run('slice', [x], { axes: [0], starts: [start], ends: [end], steps: [step] }));
    expect(cut(1, 4, 1)).toEqual([1, 2, 3]);
    expect(cut(-2, 99, 1)).toEqual([4, 5]);
    expect(cut(0, 6, 4)).toEqual([0, 4]);
    expect(cut(-1, -99, -1)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(cut(4, 0, -2)).toEqual([4, 2]);
    expect(cut(99, 3, -1)).toEqual([5, 4]);
    expect(cut(4, 2, 1)).toEqual([]);
    // An end of -1 is the last element also when running backwards.
    expect(cut(3, -1, -1)).toEqual([]);
  });

  test('padding and cropping', () => {
    const x = range([2, 2]);
    const grown = run('pad', [x], { pads: [1, 0, 0, 1], value: 9 });
    expect(grown.shape).toEqual([3, 3]);
    expect(numbersOf(grown)).toEqual([9, 9, 9, 0, 1, 9, 2, 3, 9]);
    expect(numbersOf(run('pad', [x], { pads: [-1, 1, 0, 0] }))).toEqual([0, 2, 3]);
  });

  test('concat, transpose and gather', () => {
    const joined = run('concat', [range([2, 1]), range([2, 2])], { axis: 1 });
    expect(numbersOf(joined)).toEqual([0, 0, 1, 1, 2, 3]);
    const turned = run('transpose', [range([2, 3, 2])], { permutation: [2, 0, 1] });
    expect(turned.shape).toEqual([2, 2, 3]);
    expect(numbersOf(turned)).toEqual([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    const picked = run('gather', [range([2, 3]), int64([2, -3])], { axis: 1 });
    expect(numbersOf(picked)).toEqual([2, 0, 5, 3]);
    expect(() => run('gather', [range([2]), int64([2])], {})).toThrow(/index 2 is outside/);
  });

  test('shapes, casts and constants', () => {
    expect(numbersOf(run('shape', [range([2, 3])], {}))).toEqual([2, 3]);
    expect(run('constant-of-shape', [int64([2])], { value: 3, dtype: 'int64' })).toEqual(
      int64([3, 3]),
    );
    expect(() => run('constant-of-shape', [int64([-1])], {})).toThrow(/can't make/);
    expect(numbersOf(run('cast', [float32([2], [-1.5, 2.5])], { to: 'int32' }))).toEqual([-1, 2]);
  });

  test('an opaque operator says that it is unknown', () => {
    const attrs = { opType: 'Bernoulli', opset: 15, outputTypes: [null] };
    expect(() => run('opaque', [], attrs)).toThrow(/operator Bernoulli is unknown/);
  });
});
