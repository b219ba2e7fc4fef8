import { ModelError, sizeOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { addToDim } from '../dims.ts';
import { sameChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { gatherElements } from '../loops.ts';
import { randomFloats, randomIntegers } from '../sampling.ts';
import { required } from '../shapes.ts';
import { formatType, typeOfTensor, type ValueType } from '../types.ts';

const modes = ['constant', 'reflect', 'edge', 'wrap'] as const;

const attrs = z.strictObject({
  mode: z
    .enum(modes)
    .default('constant')
    .describe(
      'added elements: all of one value, mirrored at the border, repeating it, or from the other end',
    ),
  pads: z
    .array(z.int())
    .describe('elements to add before each axis, then after each axis; negative crops'),
  value: z.number().default(0).describe('value of added elements in mode constant'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes, { pads }: Attrs): ValueType[] {
  const x = required(inputs[0], 'x');
  const rank = x.shape.length;
  if (pads.length !== 2 * rank)
    throw new ModelError(
      `pads must hold ${2 * rank} numbers for ${formatType(x)}, got ${pads.length}`,
    );
  const shape = x.shape.map((dim, axis) =>
    addToDim(dim, (pads[axis] as number) + (pads[axis + rank] as number)),
  );
  if (shape.some((dim) => typeof dim === 'number' && dim < 0))
    throw new ModelError(`pads [${pads.join(',')}] crop more than there is of ${formatType(x)}`);
  return [{ dtype: x.dtype, shape }];
}

/** The element that stands `at` places from the first of `size`, or `undefined` for a place beyond in mode constant. */
function sourceOf(at: number, size: number, mode: Attrs['mode']): number | undefined {
  if (at >= 0 && at < size) return at;
  if (mode === 'constant') return undefined;
  if (mode === 'edge') return at < 0 ? 0 : size - 1;
  const period = mode === 'wrap' ? size : Math.max(2 * (size - 1), 1);
  const place = ((at % period) + period) % period;
  return place < size ? place : period - place;
}

/** First element kept of each axis and how many: negative padding crops before anything is added. */
function keptOf(shape: readonly number[], pads: readonly number[]): [number, number][] {
  const rank = shape.length;
  return shape.map((size, axis) => {
    const [before, after] = [pads[axis] as number, pads[axis + rank] as number];
    return [Math.max(0, -before), size + Math.min(0, before) + Math.min(0, after)];
  });
}

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const { mode, pads, value } = attrs;
  const shape = infer([typeOfTensor(x)], attrs)[0]?.shape as number[];
  const kept = keptOf(x.shape, pads);
  if (mode !== 'constant' && sizeOf(shape) > 0 && kept.some(([, size]) => size < 1))
    throw new ModelError(`pads [${pads.join(',')}] leave nothing of ${formatType(x)} to repeat`);
  const source = (index: readonly number[]): number[] | undefined => {
    const from = index.map((at, axis) => {
      const [first, size] = kept[axis] as [number, number];
      const place = sourceOf(at - Math.max(0, pads[axis] as number), size, mode);
      return place === undefined ? -1 : first + place;
    });
    return from.includes(-1) ? undefined : from;
  };
  return [gatherElements(x, shape, source, value)];
}

function samples(random: Random): Sample<Attrs>[] {
  const cases: [string, number[], number[], number?][] = [
    ['nothing', [2, 3], [0, 0, 0, 0]],
    ['rows and columns', [1, 3, 4, 5], [0, 0, 1, 1, 0, 0, 1, 1]],
    ['asymmetric, batch 2', [2, 3, 4, 5], [0, 0, 0, 1, 0, 0, 2, 3]],
    ['channels', [2, 3, 2, 2], [0, 0, 0, 0, 0, 5, 0, 0]],
    ['value', [1, 2, 3, 3], [0, 0, 1, 2, 0, 0, 0, 1], -1.5],
    ['crop', [1, 2, 6, 5], [0, 0, -1, 0, 0, 0, -2, -1]],
    ['crop and add', [1, 2, 6, 5], [0, 0, -1, 2, 0, 0, 3, -2], 7],
    ['1-D', [3], [1, 2], 1],
  ];
  const repeating: [string, number[], number[]][] = [
    ['rows and columns', [1, 3, 4, 5], [0, 0, 1, 2, 0, 0, 3, 1]],
    ['one side', [2, 3], [0, 2, 0, 0]],
  ];
  return [
    ...cases.map(([name, shape, pads, value]) => ({
      name,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse({ pads, value }),
    })),
    ...modes.slice(1).flatMap((mode) =>
      repeating.map(([name, shape, pads]) => ({
        name: `${mode}, ${name}`,
        inputs: [randomFloats(random, shape)],
        attrs: attrs.parse({ mode, pads }),
      })),
    ),
    {
      name: 'int64',
      inputs: [randomIntegers(random, 'int64', [2])],
      attrs: attrs.parse({ pads: [1, 1], value: 9 }),
    },
  ];
}

export const pad = defineOp({
  kind: 'pad',
  doc: 'Adds elements around x, or crops it: of one value, mirrored, repeated or wrapped around.',
  inputs: [{ name: 'x' }],
  attrs,
  infer,
  channels: (inputs, { pads }, outputs) =>
    pads[1] || pads[1 + pads.length / 2] ? undefined : sameChannels(inputs, undefined, outputs),
  reference,
  samples,
});
