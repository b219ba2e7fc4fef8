import { z } from 'zod';
import { normalizeAxes } from '../shapes.ts';
import type { Dim } from '../types.ts';
import { viewOp } from '../view.ts';

export const unsqueeze = viewOp({
  kind: 'unsqueeze',
  doc: 'Inserts axes of size 1.',
  attrs: z.strictObject({
    axes: z.array(z.int()).describe('places of the new axes in the result'),
  }),
  shape: (shape, attrs) => {
    const rank = shape.length + attrs.axes.length;
    const axes = normalizeAxes(attrs.axes, rank);
    const rest = [...shape];
    return Array.from({ length: rank }, (_, axis) =>
      axes.includes(axis) ? 1 : (rest.shift() as Dim),
    );
  },
  cases: [
    [[2, 5], { axes: [2, 3] }],
    [[5], { axes: [0, 2] }],
    [[2, 3], { axes: [-1] }],
    [[], { axes: [0] }],
  ],
});
