import { softmaxOp } from '../softmax.ts';

export const softmax = softmaxOp(
  'softmax',
  'Exponentials along one axis, scaled to sum 1.',
  (shifted, sum) => Math.exp(shifted) / sum,
);
