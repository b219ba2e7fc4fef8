/** What the scattering ops share: a copy of the data in which updates replace elements or are joined to them. */
import { elementsIn, isWide, tensor, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import type { Element } from './broadcast.ts';
import type { InputTypes } from './define-op.ts';
import { indexInput } from './indices.ts';
import { inputOf, numeric, required, sameDType } from './shapes.ts';
import type { ValueType } from './types.ts';

export const scatterInputs = [{ name: 'data' }, { name: 'indices' }, { name: 'updates' }] as const;

export const reductionSchema = z
  .enum(['none', 'add', 'mul', 'max', 'min'])
  .default('none')
  .describe('how an update is joined to the element it meets: none replaces it');
type Reduction = z.output<typeof reductionSchema>;

/** Checks the types of the three inputs. */
export function scatterTypes(
  inputs: InputTypes,
  reduction: Reduction,
): { data: ValueType; indices: ValueType; updates: ValueType } {
  const data =
    reduction === 'none' ? required(inputs[0], 'data') : inputOf(inputs[0], 'data', numeric);
  const [indices, updates] = [indexInput(inputs[1]), required(inputs[2], 'updates')];
  sameDType(data, updates);
  return { data, indices, updates };
}

function join(reduction: Reduction, held: Element, update: Element, wide: boolean): Element {
  switch (reduction) {
    case 'none':
      return update;
    case 'add':
      return wide ? (held as bigint) + (update as bigint) : (held as number) + (update as number);
    case 'mul':
      return wide ? (held as bigint) * (update as bigint) : (held as number) * (update as number);
    case 'max':
      return update > held ? update : held;
    case 'min':
      return update < held ? update : held;
  }
}

/** A copy of `data`; `fill` is given the function that brings an update to a position. */
export function scatterInto(
  data: Tensor,
  reduction: Reduction,
  fill: (put: (position: number, update: Element) => void) => void,
): Tensor {
  const out = data.data.slice();
  const elements = elementsIn(out);
  const wide = isWide(data.dtype);
  fill((position, update) => {
    elements[position] = join(reduction, elements[position] as Element, update, wide);
  });
  return tensor(data.dtype, data.shape, out);
}
