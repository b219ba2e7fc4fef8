/** Comparisons, element by element. `less` is `greater` with the inputs exchanged. */
import { float32, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { mapBroadcast, type Element } from '../broadcast.ts';
import { broadcastChannels } from '../channels.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { randomBools, randomFloats, randomIntegers, shapePairs } from '../sampling.ts';
import { broadcastShapes, inputOf, numeric, required, sameDType } from '../shapes.ts';

const attrs = z.strictObject({
  relation: z.enum(['equal', 'greater', 'greater-or-equal']).describe('what a is to b'),
});
type Attrs = z.output<typeof attrs>;

const relations: Readonly<Record<Attrs['relation'], (a: Element, b: Element) => boolean>> = {
  equal: (a, b) => a === b,
  greater: (a, b) => a > b,
  'greater-or-equal': (a, b) => a >= b,
};

function samples(random: Random): Sample<Attrs>[] {
  return (['equal', 'greater', 'greater-or-equal'] as const).flatMap((relation) => [
    ...shapePairs.map(([name, a, b]) => ({
      name: `${relation}, ${name}`,
      inputs: [randomFloats(random, a), randomFloats(random, b)],
      attrs: { relation },
    })),
    {
      name: `${relation}, special values`,
      inputs: [float32([5], [0, NaN, NaN, Infinity, 1]), float32([5], [-0, NaN, 1, Infinity, 1])],
      attrs: { relation },
    },
    ...(['int64', 'int32'] as const).map((dtype) => ({
      name: `${relation}, ${dtype}`,
      inputs: [randomIntegers(random, dtype, [4, 1], 2), randomIntegers(random, dtype, [5], 2)],
      attrs: { relation },
    })),
    ...(relation === 'equal'
      ? [
          {
            name: 'equal, bool',
            inputs: [randomBools(random, [2, 5]), randomBools(random, [5])],
            attrs: { relation },
          },
        ]
      : []),
  ]);
}

export const compare = defineOp({
  kind: 'compare',
  doc: 'Whether a is equal to, greater than … b, as bool with NumPy broadcasting; false where one is NaN.',
  inputs: [{ name: 'a' }, { name: 'b' }],
  attrs,
  infer: (inputs, { relation }) => {
    const [a, b] = (['a', 'b'] as const).map((name, place) =>
      relation === 'equal' ? required(inputs[place], name) : inputOf(inputs[place], name, numeric),
    ) as [ReturnType<typeof required>, ReturnType<typeof required>];
    sameDType(a, b);
    return [{ dtype: 'bool', shape: broadcastShapes(a.shape, b.shape) }];
  },
  channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
  reference: (inputs, { relation }) => {
    const holds = relations[relation];
    return [mapBroadcast('bool', inputs as Tensor[], (a, b) => (holds(a, b) ? 1 : 0))];
  },
  samples,
});
