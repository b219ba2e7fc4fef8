/** Options that all decompositions share, and the budget among them. */
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';
import type { NetworkCosts } from './price.ts';

export const budgetOption = z
  .union([
    z.number().positive(),
    z.string().regex(/^\d*\.?\d+x$/, 'expected a number (8.61G) or a share of the network (0.5x)'),
  ])
  .optional();

/** The options of a pass whose budget may be counted in time. */
export const budgetOptions = {
  macs: budgetOption.describe(
    'MACs of the whole network afterwards, per image: a number (8.61G) or a share (0.5x); the default is 0.5x',
  ),
  ms: budgetOption.describe(
    'milliseconds of the whole network afterwards, as a model of this machine predicts them: a number or a share (0.5x)',
  ),
};

/** Fields of a pass's options. */
export const fitOptions = {
  data: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('off: closed form from the weights alone, even when calibration data are there'),
  skip: z.array(z.string()).default([]).describe('layers to leave dense'),
  ridge: z
    .number()
    .gt(0)
    .optional()
    .describe(
      'pull towards the original kernel, relative to the mean variance of patches; the default is 1e-3, on synthetic images 0.1',
    ),
  rounds: z.int().min(0).max(20).default(2).describe('alternating refits of the factors'),
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
};

/** What {@link fitOptions} give. */
export type DecompositionOptions = Readonly<z.output<z.ZodObject<typeof fitOptions>>>;

/** The budget option as a number: a share is one of the network's cost. */
export const amountOf = (budget: number | string, network: number): number =>
  typeof budget === 'number' ? budget : Number(budget.slice(0, -1)) * network;

/** A budget of a whole network. */
export interface Budget {
  readonly unit: 'MACs' | 'ms';
  /** What the network costs as it is, and may cost afterwards. */
  readonly network: number;
  readonly limit: number;
}

/** A budget of MACs; 0.5x when none is given. */
export const macsBudget = (macs: number | string | undefined, network: number): Budget => ({
  unit: 'MACs',
  network,
  limit: amountOf(macs ?? '0.5x', network),
});

/**
 * The budget of {@link budgetOptions}; half of the MACs when none is given.
 * @throws OptionError when both are given, or milliseconds without a model of them.
 */
export function budgetOf(
  pass: string,
  { macs, ms }: { readonly [K in keyof typeof budgetOptions]?: number | string | undefined },
  network: NetworkCosts,
): Budget {
  requireOneTarget(pass, { macs, ms });
  if (ms === undefined) return macsBudget(macs, network.macs);
  if (network.unit !== 'ms')
    throw new OptionError(
      `${pass}: a budget in ms needs a cost model in ms; this run counts ${network.unit} (on the command line: --cost ms)`,
    );
  return { unit: 'ms', network: network.cost, limit: amountOf(ms, network.cost) };
}

/** @throws OptionError when more than one of the options that set a target is given. */
export function requireOneTarget(pass: string, targets: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(targets).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new OptionError(
      `${pass}: ${given.map(([name]) => name).join(' and ')} exclude each other; give one`,
    );
}
