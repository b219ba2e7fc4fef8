/** Options of the `decouple` pass. */
import { OptionError } from '@decouple/tensor';
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
  macs: z
    .union([
      z.number().positive(),
      z
        .string()
        .regex(
          /^\d*\.?\d+x$/,
          'expected a number of MACs (8.61G) or a share of the network (0.5x)',
        ),
    ])
    .optional()
    .describe(
      'MACs of the whole network afterwards, per image: a number (8.61G) or a share (0.5x); the default is 0.5x',
    ),
  adaptive: z
    .enum(['auto', 'none', 'energy', 'elimination'])
    .default('auto')
    .describe(
      'unequal terms per channel: by singular values, or by backward elimination on calibration data; auto: elimination with data, none without',
    ),
  layout: z
    .enum(['wide', 'chains'])
    .default('wide')
    .describe(
      'one wide pair of convolutions, or a sum of chains for runtimes without fast grouped convolutions',
    ),
  data: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('off: closed form from the weights alone, even when calibration data are there'),
  skip: z.array(z.string()).default([]).describe('layers to leave dense'),
  ridge: z
    .number()
    .gt(0)
    .default(1e-3)
    .describe('pull towards the original kernel, relative to the mean variance of patches'),
  rounds: z
    .int()
    .min(0)
    .max(20)
    .default(2)
    .describe('alternations of depthwise and pointwise refits'),
  relu: z
    .int()
    .min(0)
    .max(50)
    .default(0)
    .describe('iterations of the ReLU-aware refinement, at each of λ = 0.1 and 1'),
  refitDense: z
    .boolean()
    .default(true)
    .describe('with data: refit layers that stay dense to their changed input'),
  points: z.int().min(1).default(64).describe('sampled positions per calibration image and layer'),
  allowCostlier: z
    .boolean()
    .default(false)
    .describe('replace layers even where it does not lower the cost'),
});
export type Options = z.output<typeof options>;

/** How many terms each layer gets. */
export type Target =
  | { readonly kind: 'terms'; readonly terms: number }
  | { readonly kind: 'table'; readonly terms: Readonly<Record<string, number>> }
  | { readonly kind: 'energy'; readonly energy: number }
  | { readonly kind: 'macs'; readonly macs: number };

/**
 * The one target of the options.
 * @param networkMacs MACs of the whole network, for shares.
 * @throws OptionError when several are given.
 */
export function targetOf({ terms, energy, macs }: Options, networkMacs: number): Target {
  const given = Object.entries({ terms, energy, macs }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new OptionError(
      `decouple: ${given.map(([name]) => name).join(' and ')} exclude each other; give one`,
    );
  if (typeof terms === 'number') return { kind: 'terms', terms };
  if (terms) return { kind: 'table', terms };
  if (energy !== undefined) return { kind: 'energy', energy };
  if (typeof macs === 'number') return { kind: 'macs', macs };
  return { kind: 'macs', macs: Number((macs ?? '0.5x').slice(0, -1)) * networkMacs };
}
