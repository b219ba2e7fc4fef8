/** Options of the `decouple` pass. */
import {
  budgetOf,
  budgetOptions,
  fitOptions,
  requireOneTarget,
  type Budget,
  type NetworkCosts,
} from '@decouple/decomposition';
import { z } from 'zod';

const termsTable = z.record(z.string(), z.int().min(1));

export const options = z.strictObject({
  form: z
    .enum(['auto', 'dw-pw', 'pw-dw'])
    .default('auto')
    .describe('order of the two parts; auto takes the better one for each layer'),
  terms: z
    .union([z.number().min(0.1), termsTable])
    .optional()
    .describe(
      'terms per channel of every layer (a mean when adaptive), or a table {layer: terms}; other layers stay dense',
    ),
  energy: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe(
      'fewest terms that keep this share of squared singular values (of the response, where terms are unequal on data)',
    ),
  ...budgetOptions,
  adaptive: z
    .enum(['auto', 'none', 'energy', 'elimination'])
    .default('auto')
    .describe(
      'unequal terms per channel: by singular values, or by backward elimination on calibration data; auto: elimination with data, none without and on synthetic images',
    ),
  layout: z
    .enum(['wide', 'chains'])
    .default('wide')
    .describe(
      'one wide pair of convolutions, or a sum of chains for runtimes without fast grouped convolutions',
    ),
  ...fitOptions,
});
export type Options = z.output<typeof options>;

/** How many terms each layer gets. */
export type Target =
  | { readonly kind: 'terms'; readonly terms: number }
  | { readonly kind: 'table'; readonly terms: Readonly<Record<string, number>> }
  | { readonly kind: 'energy'; readonly energy: number }
  | { readonly kind: 'budget'; readonly budget: Budget };

/**
 * The one target of the options.
 * @param network its costs, for shares.
 * @throws OptionError when several are given.
 */
export function targetOf({ terms, energy, macs, ms }: Options, network: NetworkCosts): Target {
  requireOneTarget('decouple', { terms, energy, macs, ms });
  if (typeof terms === 'number') return { kind: 'terms', terms };
  if (terms) return { kind: 'table', terms };
  if (energy !== undefined) return { kind: 'energy', energy };
  return { kind: 'budget', budget: budgetOf('decouple', { macs, ms }, network) };
}
