/** Ops that pick or set elements by index. */
import { cast, int64, numbersOf, type Tensor } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';

const reductions = ['none', 'add', 'mul', 'max', 'min'] as const;

const reductionOf = (call: Call): (typeof reductions)[number] | undefined => {
  const given = call.attrs.text('reduction', 'none');
  return reductions.find((reduction) => reduction === given);
};

const scatterElements: Importer = (call) => {
  const reduction = reductionOf(call);
  if (!reduction) return 'an unknown reduction';
  call.result('scatter-elements', call.inputs, { axis: call.attrs.integer('axis', 0), reduction });
};

const scatterNd: Importer = (call) => {
  const reduction = reductionOf(call);
  if (!reduction) return 'an unknown reduction';
  call.result('scatter-nd', call.inputs, { reduction });
};

/** Classes 0 … depth - 1, or from -depth on, as [depth, 1, …] beside which `after` axes follow. */
function classes(dtype: Tensor['dtype'], depth: number, from: number, after: number): Tensor {
  const numbers = Array.from({ length: depth }, (_, index) => index + from);
  return cast(int64(numbers, [depth, ...new Array<number>(after).fill(1)]), dtype);
}

/** On where an index, counted from either end, is met along a new axis, else off. Indices out of range are met nowhere. */
const oneHot: Importer = (call) => {
  const [type, given] = [call.typeOf(0), call.constant(1)];
  const depth = given && numbersOf(given)[0];
  if (!type || depth === undefined) return 'the depth is computed at run time';
  if (!(depth >= 1 && depth <= 2 ** 24)) return `a depth of ${depth}`;
  const rank = type.shape.length;
  const position = call.attrs.integer('axis', -1);
  const axis = position < 0 ? position + rank + 1 : position;
  if (axis < 0 || axis > rank) return `axis ${position} of ${rank + 1}`;
  const indices = call.step('unsqueezed', 'unsqueeze', [call.inputs[0] as string], {
    axes: [axis],
  });
  const met = (role: string, from: number): string => {
    const numbers = call.define(`${role}-classes`, classes(type.dtype, depth, from, rank - axis));
    return call.step(role, 'compare', [indices, numbers], { relation: 'equal' });
  };
  const pick = (role: string, index: number): string =>
    call.step(
      role,
      'gather',
      [call.inputs[2] as string, call.define(`${role}-index`, int64([index], []))],
      { axis: 0 },
    );
  const start = met('from-start', 0);
  const any = type.dtype.startsWith('u')
    ? start
    : call.step('met', 'logical', [start, met('from-end', -depth)], { operator: 'or' });
  call.result('where', [any, pick('on', 1), pick('off', 0)], {});
};

export const indexing: Readonly<Record<string, Importer>> = {
  Gather: (call) => call.result('gather', call.inputs, { axis: call.attrs.integer('axis', 0) }),
  GatherElements: (call) =>
    call.result('gather-elements', call.inputs, { axis: call.attrs.integer('axis', 0) }),
  GatherND: (call) =>
    call.result('gather-nd', call.inputs, { batchDims: call.attrs.integer('batch_dims', 0) }),
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  OneHot: oneHot,
};
