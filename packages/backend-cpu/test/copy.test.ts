import fc from 'fast-check';
import { graphBuilder } from '@decouple/ir';
import { float32, sizeOf } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { cpu } from '../src/index.ts';

describe('copies between layouts', () => {
  const sizes = fc.constantFrom(1, 3, 4, 5, 8, 11, 63, 64, 65, 70);
  test('a map goes in and out unchanged, whatever its sizes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.constantFrom(1, 2), sizes, fc.constantFrom(1, 2, 5), sizes),
        async (shape) => {
          const x = float32(
            shape,
            Float32Array.from({ length: sizeOf(shape) }, (_, at) => at + 1),
          );
          const b = graphBuilder('through');
          const graph = b.build([b.node('relu', [b.input('x', shape)], {}, 'y')]);
          const { y } = await (await cpu().compile(graph)).run({ x });
          expect(y?.data).toEqual(x.data);
        },
      ),
      { seed: 1, numRuns: 60 },
    ));

  test.each([
    [0, 2, 3, 1],
    [0, 3, 1, 2],
    [3, 2, 1, 0],
    [1, 0, 3, 2],
  ])('transpose by %d, %d, %d, %d', async (...permutation) => {
    const shape = [2, 9, 6, 7];
    const x = float32(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, (_, at) => at),
    );
    const b = graphBuilder('transpose');
    const graph = b.build([b.node('transpose', [b.input('x', shape)], { permutation }, 'y')]);
    const { y } = await (await cpu().compile(graph)).run({ x });
    const strides = [378, 42, 7, 1];
    const [d0, d1, d2, d3] = permutation.map((axis) => shape[axis]) as [
      number,
      number,
      number,
      number,
    ];
    const at = (index: readonly number[]): number =>
      permutation.reduce((sum, axis, place) => sum + (index[place] ?? 0) * (strides[axis] ?? 0), 0);
    const expected: number[] = [];
    for (let a = 0; a < d0; a++)
      for (let c = 0; c < d1; c++)
        for (let e = 0; e < d2; e++) for (let g = 0; g < d3; g++) expected.push(at([a, c, e, g]));
    expect([...(y?.data ?? [])]).toEqual(expected);
  });
});
