import { softmaxOp } from '../softmax.ts';

export const logSoftmax = softmaxOp(
  'log-softmax',
  'Logarithm of softmax along one axis: x - log Σ exp(x).',
  (shifted, sum) => shifted - Math.log(sum),
);
