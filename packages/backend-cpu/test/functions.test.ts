import { graphBuilder, interpret, type OpKind } from '@decouple/ir';
import { float32, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { cpu } from '../src/index.ts';

/** Points from -`far` to `far`, dense around 0, and the special ones. */
function points(far: number): Tensor {
  const sizes = Array.from({ length: 400 }, (_, index) => far * 1.06 ** -index);
  const special = [0, -0, Infinity, -Infinity, NaN, 1, -1];
  const all = [...sizes, ...sizes.map((size) => -size), ...special];
  return float32([all.length], Float32Array.from(all));
}

/** Alike in sign, specials and six digits, and near 0 too, where the largest value of a map hides errors. */
const isNear = (actual: number, expected: number): boolean =>
  Object.is(actual + 0, expected + 0) ||
  Math.abs(actual - expected) <= 4e-6 * Math.abs(expected) + 1e-37;

describe('functions of one number', () => {
  const cases: readonly (readonly [OpKind, number, object])[] = [
    ['elu', 80, { alpha: 0.5 }],
    ['selu', 80, {}],
    ['softplus', 80, {}],
    ['erf', 6, {}],
    ['log', 1e38, {}],
    ['log', 1e5, {}],
    ['log', 1e-30, {}],
    ['exp', 80, {}],
    ['sigmoid', 80, {}],
    ['tanh', 20, {}],
  ];
  test.each(cases)('%s equals the reference at points up to %d', async (op, far, attrs) => {
    const x = points(far);
    const b = graphBuilder(op);
    const graph = b.build([b.node(op as 'elu', [b.input('x', x.shape)], attrs, 'y')]);
    const executable = await cpu().compile(graph);
    expect(executable.info().delegated).toEqual([]);
    const { y } = await executable.run({ x });
    const { y: expected } = interpret(graph, { x });
    const wrong = [...(expected?.data ?? [])].flatMap((value, index) => {
      const got = Number(y?.data[index]);
      return isNear(got, Number(value))
        ? []
        : [`${op}(${Number(x.data[index])}) = ${Number(value)}, got ${got}`];
    });
    expect(wrong).toEqual([]);
  });
});
