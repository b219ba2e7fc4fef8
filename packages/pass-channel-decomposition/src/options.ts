/** Options of the `channel-decompose` pass. */
import { fitOptions, rankOptions } from '@decouple/decomposition';
import { z } from 'zod';

export const options = z.strictObject({
  method: z
    .enum(['auto', 'weights', 'symmetric', 'asymmetric', 'reduced-rank'])
    .default('auto')
    .describe(
      'by singular vectors of the weights, principal components of the responses, regression of the original on the changed responses, or regression on patches; auto: reduced-rank with data, weights without',
    ),
  allocation: z
    .enum(['knapsack', 'zhang'])
    .default('knapsack')
    .describe(
      'how a budget of MACs is spent: least sum of errors, or greatest product of energies (Zhang et al.)',
    ),
  ...rankOptions,
  ...fitOptions,
  rounds: fitOptions.rounds.describe('without effect: both parts are fitted at once'),
});
export type Options = z.output<typeof options>;
