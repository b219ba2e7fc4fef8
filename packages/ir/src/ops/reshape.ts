/**
 * The same elements in row-major order under another shape. In `shape`, 0 copies the input's dimension at that place
 * (unless `allowZero`), one -1 is what remains, and a text is a symbolic dimension such as `H*2`, bound with the
 * graph. Symbols cancel: [N,512,1,1] as [0,-1] is [N,512].
 */
import { ModelError, reshaped, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { viewChannels } from '../channels.ts';
import { mayBeEqual, quotientOfDims } from '../dims.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { required } from '../shapes.ts';
import { formatType, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  shape: z
    .array(z.union([z.int().min(-1), z.string().min(1)]))
    .describe('new dimensions: a size, 0 to copy, -1 to infer, or a symbol'),
  allowZero: z.boolean().default(false).describe('whether 0 is a size and copies nothing'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, attrs: Attrs): ValueType[] {
  const x = required(inputs[0], 'x');
  const wanted = attrs.shape.map<Dim>((dim, axis) => {
    if (dim !== 0 || attrs.allowZero) return dim;
    const copied = x.shape[axis];
    if (copied === undefined)
      throw new ModelError(`dimension ${axis} to copy does not exist in ${formatType(x)}`);
    return copied;
  });
  const known = wanted.filter((dim) => dim !== -1);
  if (wanted.length - known.length > 1)
    throw new ModelError(`shape [${attrs.shape.join(',')}] has more than one -1`);
  if (known.length < wanted.length) {
    const rest = quotientOfDims(x.shape, known);
    return [{ dtype: x.dtype, shape: wanted.map((dim) => (dim === -1 ? rest : dim)) }];
  }
  if (!mayBeEqual(x.shape, known))
    throw new ModelError(`${formatType(x)} does not fit shape [${wanted.join(',')}]`);
  return [{ dtype: x.dtype, shape: wanted }];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], number[]][] = [
    ['flatten', [2, 3, 4, 5], [2, 60]],
    ['copy and infer', [3, 5, 1, 1], [0, -1]],
    ['split channels', [1, 6, 2, 3], [1, 2, 3, 2, 3]],
    ['to 4-D', [2, 12], [2, 3, 2, 2]],
    ['to 1-D', [2, 3], [-1]],
    ['to a scalar', [1, 1], []],
    ['from a scalar', [], [1, 1]],
  ];
  return [
    ...cases.map(([name, from, shape]) => ({
      name,
      inputs: [randomFloats(random, from)],
      attrs: attrs.parse({ shape }),
    })),
    {
      name: 'no elements',
      inputs: [randomFloats(random, [0, 3, 4])],
      attrs: { shape: [3, 4, 0], allowZero: true },
    },
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [4])],
      attrs: attrs.parse({ shape: [2, 2] }),
    },
  ];
}

export const reshape = defineOp({
  kind: 'reshape',
  doc: 'The same elements under another shape.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: ([x], attrs, [y]) => {
    const relation = viewChannels(x, y);
    const [, explicit] = attrs.shape;
    if (!relation || typeof explicit !== 'number' || explicit <= 0) return relation;
    const block = explicit / (relation.ties[0]?.count ?? 1);
    return {
      ...relation,
      resize: ([left]) => ({
        ...attrs,
        shape: attrs.shape.map((dim, axis) => (axis === 1 ? (left as number) * block : dim)),
      }),
    };
  },
  reference: (inputs, attrs) => {
    const x = inputs[0] as Tensor;
    const { shape } = infer([{ dtype: x.dtype, shape: x.shape }], attrs)[0] as ValueType;
    if (shape.some((dim) => typeof dim === 'string'))
      throw new ModelError(`shape [${shape.join(',')}] holds symbols; bind them first`);
    return [reshaped(x, shape as number[])];
  },
  samples,
});
