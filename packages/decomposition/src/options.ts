/** Options that all decompositions share, and the budget among them. */
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';

export const budgetOption = z
  .union([
    z.number().positive(),
    z
      .string()
      .regex(/^\d*\.?\d+x$/, 'expected a number of MACs (8.61G) or a share of the network (0.5x)'),
  ])
  .optional();

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

/** MACs from the budget option: a number, or a share of the network's. */
export const macsOf = (budget: number | string, networkMacs: number): number =>
  typeof budget === 'number' ? budget : Number(budget.slice(0, -1)) * networkMacs;

/** @throws OptionError when more than one of the options that set a target is given. */
export function requireOneTarget(pass: string, targets: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(targets).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new OptionError(
      `${pass}: ${given.map(([name]) => name).join(' and ')} exclude each other; give one`,
    );
}
