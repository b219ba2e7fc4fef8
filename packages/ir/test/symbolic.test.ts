/** Symbolic sizes: inferred texts, evaluated for a size, tell what inference says for that size. */
import { createRandom } from '@decouple/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bindDim,
  formatType,
  ops,
  quotientOfDims,
  recordOf,
  subtractDims,
  sumDims,
  typeOfTensor,
  type AttrsInput,
  type Dim,
  type OpKind,
  type ValueType,
} from '../src/index.ts';

type Sizes = Readonly<Record<string, number>>;

/** Evaluates a dimension as JavaScript, apart from the code under test. */
function evaluate(dim: Dim, sizes: Sizes): number {
  if (typeof dim === 'number') return dim;
  const names = Object.keys(sizes);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const compute = new Function('floor', 'ceil', ...names, `return ${dim}`) as (
    ...values: unknown[]
  ) => number;
  return compute(Math.floor, Math.ceil, ...names.map((name) => sizes[name]));
}

const typed = (...shape: Dim[]): ValueType => ({ dtype: 'float32', shape });

const infer = <K extends OpKind>(
  kind: K,
  inputs: readonly ValueType[],
  attrs: AttrsInput<K>,
): ValueType => recordOf(kind).infer(inputs, recordOf(kind).attrs.parse(attrs))[0] as ValueType;

/** Inference with symbols, evaluated, equals inference with sizes; and so does binding. */
function agree<K extends OpKind>(
  kind: K,
  inputs: readonly ValueType[],
  attrs: AttrsInput<K>,
  sizes: Sizes,
): void {
  const bound = inputs.map((type) => ({
    ...type,
    shape: type.shape.map((dim) => evaluate(dim, sizes)),
  }));
  const direct = infer(kind, bound, attrs).shape;
  const symbolic = infer(kind, inputs, attrs).shape;
  const told = `${kind} ${inputs.map(formatType).join(' ')} ${JSON.stringify({ attrs, sizes, symbolic })}`;
  expect(
    symbolic.map((dim) => evaluate(dim, sizes)),
    told,
  ).toEqual(direct);
  expect(
    symbolic.map((dim) => bindDim(dim, sizes)),
    told,
  ).toEqual(direct);
}

const size = fc.integer({ min: 12, max: 40 });
const small = fc.integer({ min: 1, max: 4 });
const pad = fc.integer({ min: 0, max: 3 });
const settings = { numRuns: 200, seed: 3 };

describe('inference with symbols', () => {
  test('agrees with sizes for every dimension of every sample', () => {
    for (const kind of Object.keys(ops) as OpKind[])
      for (const sample of recordOf(kind).samples(createRandom(2))) {
        const types = sample.inputs.map((input) => input && typeOfTensor(input));
        // A symbolic axis is taken to hold the bounds of a slice, which samples exceed.
        if (kind === 'slice') continue;
        const direct = recordOf(kind).infer(types, sample.attrs);
        types[0]?.shape.forEach((dim, axis) => {
          const shape = types[0]?.shape.map((one, place) => (place === axis ? 'S' : one)) ?? [];
          const symbolic = [{ dtype: types[0]?.dtype ?? 'float32', shape }, ...types.slice(1)];
          let inferred;
          try {
            inferred = recordOf(kind).infer(symbolic, sample.attrs);
          } catch (error) {
            expect(error).toMatchObject({ name: 'ModelError' });
            return;
          }
          const sizes = { S: dim as number };
          expect(
            inferred.map((type) => type?.shape.map((one) => evaluate(one, sizes))),
            `${kind} ${sample.name} axis ${axis}`,
          ).toEqual(direct.map((type) => type?.shape));
        });
      }
  });

  test('windows', () => {
    fc.assert(
      fc.property(
        fc.record({
          sizes: fc.record({ N: small, H: size, W: size }),
          kernel: fc.tuple(small, small),
          stride: fc.tuple(small, small),
          ceil: fc.boolean(),
          offset: fc.integer({ min: -2, max: 2 }),
        }),
        ({ sizes, kernel, stride, ceil, offset }) => {
          const x = typed('N', 3, offset ? `H${offset > 0 ? '+' : ''}${offset}` : 'H', 'W');
          const pads: [number, number, number, number] = [
            kernel[0] - 1,
            0,
            Math.floor(kernel[0] / 2),
            kernel[1] - 1,
          ];
          agree('max-pool', [x], { kernel, stride, pads, ceil }, sizes);
          agree('conv2d', [x, typed(5, 3, ...kernel)], { stride, pads, dilation: [2, 1] }, sizes);
        },
      ),
      settings,
    );
  });

  test('slices within bounds', () => {
    const bound = fc.integer({ min: -10, max: 10 });
    fc.assert(
      fc.property(
        fc.record({
          sizes: fc.record({ H: size }),
          start: fc.oneof(bound, fc.constant(2 ** 31)),
          end: fc.oneof(bound, fc.constantFrom(2 ** 31, -(2 ** 31))),
          step: fc.constantFrom(1, 2, 3, -1, -2),
        }),
        ({ sizes, start, end, step }) => {
          const attrs = { axes: [1], starts: [start], ends: [end], steps: [step] };
          const [symbolic] = infer('slice', [typed(2, 'H')], attrs).shape.slice(1) as [Dim];
          const direct = infer('slice', [typed(2, sizes.H)], attrs).shape[1];
          // Bounds that cross give an empty slice, which a text does not say.
          expect(Math.max(0, evaluate(symbolic, sizes)), JSON.stringify({ attrs, symbolic })).toBe(
            direct,
          );
          expect(Math.max(0, bindDim(symbolic, sizes) as number)).toBe(direct);
        },
      ),
      settings,
    );
  });

  test('joining, padding and reshaping', () => {
    fc.assert(
      fc.property(
        fc.record({ N: small, H: size, W: size }),
        fc.tuple(pad, pad),
        (sizes, [before, after]) => {
          const x = typed('N', 3, 'H', 'W');
          agree('pad', [x], { pads: [0, 0, before, -1, 0, 0, after, 0] }, sizes);
          agree('concat', [x, typed('N', 5, 'H', 'W')], { axis: 1 }, sizes);
          agree('concat', [x, x, typed('N', 3, `H+${before + 1}`, 'W')], { axis: 2 }, sizes);
          agree('flatten', [x], {}, sizes);
          agree('flatten', [x], { axis: 2 }, sizes);
          agree('reshape', [x], { shape: [0, -1] }, sizes);
          agree('reshape', [x], { shape: [-1, 3] }, sizes);
          agree('reshape', [typed('N', 6, 'H-1', 'W')], { shape: [0, 2, 3, -1] }, sizes);
          agree('transpose', [x], { permutation: [0, 2, 3, 1] }, sizes);
          agree('reduce', [x], { kind: 'mean', axes: [2], keepDims: false }, sizes);
          agree('add', [x, typed(3, 1, 1)], {}, sizes);
        },
      ),
      settings,
    );
  });

  test('symbols cancel', () => {
    const flat = (shape: Dim[], to: Dim[]): readonly Dim[] =>
      infer('reshape', [typed(...shape)], { shape: to }).shape;
    expect(infer('flatten', [typed('N', 512, 1, 1)], {}).shape).toEqual(['N', 512]);
    expect(flat(['N', 512, 7, 7], ['N', -1])).toEqual(['N', 25088]);
    expect(flat(['N', 512, 7, 7], [0, 25088])).toEqual(['N', 25088]);
    expect(flat(['N', 512, 7, 7], [-1, 25088])).toEqual(['N', 25088]);
    expect(flat(['N', 4, 'H', 'W'], ['N', 2, 2, -1])).toEqual(['N', 2, 2, 'H*W']);
    expect(flat(['N', 2, 2, 'H*W'], ['N', 4, 'H', -1])).toEqual(['N', 4, 'H', 'W']);
    expect(flat(['N*49', 8], [-1, 49, 8])).toEqual(['N', 49, 8]);
    expect(() => flat(['N', 512, 7, 7], ['N', 25087])).toThrow(/does not fit/);
    // What symbols leave open, sizes decide.
    expect(flat(['N', 5], [-1, 3])).toEqual(['floor((N*5)/3)', 3]);
    expect(flat([6, 5], [-1, 3])).toEqual([10, 3]);
    expect(() => flat([7, 5], [-1, 3])).toThrow(/can't be divided/);
  });

  test('a residual block keeps its symbols', () => {
    const x = typed('N', 8, 'H', 'W');
    const weight = typed(8, 8, 3, 3);
    const same = infer('conv2d', [x, weight], { pads: [1, 1, 1, 1] });
    expect(formatType(same)).toBe(formatType(x));
    const valid = infer('conv2d', [x, weight], {});
    expect(valid.shape).toEqual(['N', 8, 'H-2', 'W-2']);
    expect(infer('pad', [valid], { pads: [0, 0, 1, 1, 0, 0, 1, 1] }).shape).toEqual(x.shape);
    const down = (kernel: number, pads: number): ValueType =>
      infer('conv2d', [x, typed(8, 8, kernel, kernel)], {
        stride: [2, 2],
        pads: [pads, pads, pads, pads],
      });
    expect(formatType(down(3, 1))).toBe(formatType(down(1, 0)));
  });
});

describe('arithmetic on dimensions', () => {
  test('sums and quotients', () => {
    expect(sumDims([3, 'H', 'A+2', -2])).toBe('A+H+3');
    expect(sumDims(['H-1', 1])).toBe('H');
    expect(subtractDims('H+3', 'H')).toBe(3);
    expect(subtractDims(5, 'H')).toBe('0-(H)+5');
    expect(quotientOfDims(['N', 6, 'H+1'], ['H+1', 2])).toBe('N*3');
    expect(() => quotientOfDims(['N'], [0])).toThrow(/can't be divided/);
  });

  test('binding some symbols leaves the others', () => {
    expect(bindDim('N*H*4', { N: 3 })).toBe('H*12');
    expect(bindDim('floor((H-1)/2)+1', { H: 7 })).toBe(4);
    expect(bindDim('floor((H-1)/2)+1', {})).toBe('floor((H-1)/2)+1');
    expect(bindDim('batch size', { 'batch size': 2 })).toBe(2);
    for (const odd of ['batch size', 'a-', '(', 'floor(H)', '1/2', `${'('.repeat(999)}`])
      expect(bindDim(odd, { H: 2 })).toBe(odd);
  });
});
