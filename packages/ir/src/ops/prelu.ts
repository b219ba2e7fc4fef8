import type { Random, Tensor } from '@decouple/tensor';
import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { mapBroadcast } from '../broadcast.ts';
import { broadcastChannels } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { broadcastShapes, floating, inputOf, sameDType } from '../shapes.ts';
import { formatType, sameType, type ValueType } from '../types.ts';

function infer(inputs: InputTypes): ValueType[] {
  const [x, slope] = [inputOf(inputs[0], 'x', floating), inputOf(inputs[1], 'slope', floating)];
  sameDType(x, slope);
  const out = { dtype: x.dtype, shape: broadcastShapes(x.shape, slope.shape) };
  if (!sameType(out, x))
    throw new ModelError(`a slope of ${formatType(slope)} does not fit ${formatType(x)}`);
  return [x];
}

function samples(random: Random): Sample<Record<string, never>>[] {
  const cases: [string, number[], number[]][] = [
    ['one slope', [2, 3, 4, 5], [1]],
    ['per channel', [2, 5, 3, 4], [5, 1, 1]],
    ['per channel, 8 channels', [1, 8, 4, 4], [1, 8, 1, 1]],
    ['per element', [2, 3, 5], [3, 5]],
    ['rows', [3, 17], [17]],
  ];
  return cases.map(([name, x, slope]) => ({
    name,
    inputs: [randomFloats(random, x), randomFloats(random, slope)],
    attrs: {},
  }));
}

export const prelu = defineOp({
  kind: 'prelu',
  doc: 'x where x ≥ 0, else slope·x; the slope is broadcast to the shape of x.',
  inputs: [{ name: 'x' }, { name: 'slope' }],
  attrs: z.strictObject({}),
  infer,
  channels: (inputs, _attrs, [output]) => broadcastChannels(inputs, output),
  reference: (inputs) => {
    const [x, slope] = inputs as [Tensor, Tensor];
    return [
      mapBroadcast(x.dtype, [x, slope], (value, factor) =>
        value < 0 ? (value as number) * (factor as number) : value,
      ),
    ];
  },
  samples,
});
