import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { multiplyDims } from '../dims.ts';
import { viewOp } from '../view.ts';

export const flatten = viewOp({
  kind: 'flatten',
  doc: 'A matrix: axes before `axis` become rows, the others columns. [N,C,H,W] to [N,C·H·W].',
  attrs: z.strictObject({
    axis: z.int().default(1).describe('first axis of the columns; negative counts from the end'),
  }),
  shape: (shape, { axis }) => {
    const split = axis < 0 ? axis + shape.length : axis;
    if (split < 0 || split > shape.length)
      throw new ModelError(`axis ${axis} is outside rank ${shape.length}`);
    return [multiplyDims(shape.slice(0, split)), multiplyDims(shape.slice(split))];
  },
  cases: [
    [[2, 3, 4, 5], {}],
    [[1, 5, 1, 1], {}],
    [[2, 3, 4, 5], { axis: 0 }],
    [[2, 3, 4, 5], { axis: 2 }],
    [[2, 3, 4, 5], { axis: 4 }],
    [[2, 3, 4], { axis: -1 }],
    [[7], { axis: 0 }],
  ],
});
