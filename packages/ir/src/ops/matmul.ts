/**
 * Matrix products with NumPy semantics: the last two axes multiply, the others broadcast, and a 1-D input is a row
 * (left) or column (right) whose axis disappears from the result.
 *
 *   y[…,m,n] = Σ_k a[…,m,k] · b[…,k,n]
 */
import { float32, floats, ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { forEachIndex } from '../loops.ts';
import { randomFloats } from '../sampling.ts';
import { broadcastShapes, floatInput } from '../shapes.ts';
import { elementsOf, formatType, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({});
type Attrs = z.output<typeof attrs>;

/** The shapes as stacks of matrices, and the result with all axes. */
function layout(a: readonly Dim[], b: readonly Dim[]): { a: Dim[]; b: Dim[]; out: Dim[] } {
  const left = a.length === 1 ? [1, ...a] : [...a];
  const right = b.length === 1 ? [...b, 1] : [...b];
  const out = [
    ...broadcastShapes(left.slice(0, -2), right.slice(0, -2)),
    left[left.length - 2] as Dim,
    right[right.length - 1] as Dim,
  ];
  return { a: left, b: right, out };
}

function infer(inputs: InputTypes): ValueType[] {
  const [a, b] = [floatInput(inputs[0], 'a'), floatInput(inputs[1], 'b')];
  if (!a.shape.length || !b.shape.length)
    throw new ModelError(`scalars don't multiply as matrices: ${formatType(a)}, ${formatType(b)}`);
  const stacks = layout(a.shape, b.shape);
  if (stacks.a[stacks.a.length - 1] !== stacks.b[stacks.b.length - 2])
    throw new ModelError(`inner sizes of ${formatType(a)} and ${formatType(b)} differ`);
  const shape = stacks.out.slice(0, -2);
  if (a.shape.length > 1) shape.push(stacks.out[stacks.out.length - 2] as Dim);
  if (b.shape.length > 1) shape.push(stacks.out[stacks.out.length - 1] as Dim);
  return [{ dtype: 'float32', shape }];
}

/** Which matrix of a stack meets index `at` of the broadcast stack. */
function matrixAt(stack: readonly number[], at: readonly number[]): number {
  const skipped = at.length - stack.length;
  return stack.reduce(
    (place, size, axis) => place * size + (size === 1 ? 0 : (at[axis + skipped] as number)),
    0,
  );
}

function reference(inputs: readonly (Tensor | undefined)[]): Tensor[] {
  const [a, b] = inputs as [Tensor, Tensor];
  const stacks = layout(a.shape, b.shape) as { a: number[]; b: number[]; out: number[] };
  const [rows, columns] = stacks.out.slice(-2) as [number, number];
  const inner = a.shape[a.shape.length - 1] as number;
  const [left, right] = [floats(a, 'a'), floats(b, 'b')];
  const out = new Float32Array(sizeOf(stacks.out));
  forEachIndex(stacks.out.slice(0, -2), (at, place) => {
    const fromLeft = matrixAt(stacks.a.slice(0, -2), at) * rows * inner;
    const fromRight = matrixAt(stacks.b.slice(0, -2), at) * inner * columns;
    for (let m = 0; m < rows; m++)
      for (let n = 0; n < columns; n++) {
        let sum = 0;
        for (let k = 0; k < inner; k++)
          sum +=
            (left[fromLeft + m * inner + k] as number) *
            (right[fromRight + k * columns + n] as number);
        out[(place * rows + m) * columns + n] = sum;
      }
  });
  const types = [a, b].map(({ dtype, shape }) => ({ dtype, shape }));
  return [float32((infer(types)[0] as ValueType).shape as number[], out)];
}

const cases: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['one by one', [1, 1], [1, 1]],
  ['2-D, odd sizes', [3, 5], [5, 7]],
  ['vectors', [6], [6]],
  ['vector and matrix', [5], [5, 3]],
  ['matrix and vector', [4, 5], [5]],
  ['stack of 3', [3, 2, 5], [3, 5, 4]],
  ['stack and matrix', [2, 3, 4, 5], [5, 6]],
  ['matrix and stack', [4, 5], [2, 3, 5, 2]],
  ['both stacks repeat', [2, 1, 3, 4], [3, 4, 2]],
];

const samples = (random: Random): Sample<Attrs>[] =>
  cases.map(([name, a, b]) => ({
    name,
    inputs: [randomFloats(random, a), randomFloats(random, b)],
    attrs: {},
  }));

export const matmul = defineOp({
  kind: 'matmul',
  doc: 'Matrix product of the last two axes; the others broadcast as in NumPy.',
  inputs: [{ name: 'a' }, { name: 'b' }],
  attrs,
  infer,
  macs: (inputs, _attrs, outputs) => {
    const inner = (inputs[0] as ValueType).shape.slice(-1);
    return elementsOf(outputs[0] as ValueType) * elementsOf({ dtype: 'float32', shape: inner });
  },
  reference,
  samples,
});
