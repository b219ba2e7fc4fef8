/** Options of the `spatial-decompose` pass. */
import { fitOptions, rankOptions } from '@decouple/decomposition';
import { z } from 'zod';

export const options = z.strictObject({
  order: z
    .enum(['auto', 'vertical-first', 'horizontal-first'])
    .default('auto')
    .describe(
      'which of the two convolutions comes first; auto takes the better one for each layer',
    ),
  ...rankOptions,
  ...fitOptions,
});
export type Options = z.output<typeof options>;
