import { ModelError } from '@decouple/tensor';
import { z } from 'zod';
import { normalizeAxes } from '../shapes.ts';
import { viewOp } from '../view.ts';

export const squeeze = viewOp({
  kind: 'squeeze',
  doc: 'Drops axes of size 1.',
  attrs: z.strictObject({
    axes: z.array(z.int()).describe('axes to drop; negative counts from the end'),
  }),
  shape: (shape, attrs) => {
    const axes = normalizeAxes(attrs.axes, shape.length);
    for (const axis of axes)
      if (shape[axis] !== 1)
        throw new ModelError(`axis ${axis} of [${shape.join(',')}] must have size 1 to be dropped`);
    return shape.filter((_, axis) => !axes.includes(axis));
  },
  cases: [
    [[2, 5, 1, 1], { axes: [2, 3] }],
    [[2, 5, 1, 1], { axes: [-1] }],
    [[1, 1], { axes: [0, 1] }],
    [[1, 3, 1, 4], { axes: [0] }],
  ],
});
