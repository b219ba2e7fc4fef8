/** Options of the `channel-prune` pass. */
import { budgetOption, fitOptions, requireOneTarget, type Layer } from '@decouple/decomposition';
import { OptionError } from '@decouple/tensor';
import { z } from 'zod';

const share = z.number().gt(0).max(1);

export const options = z.strictObject({
  method: z
    .enum(['elimination', 'lasso', 'l1'])
    .default('elimination')
    .describe(
      'how channels are chosen: backward elimination on calibration data, lasso, or strength of the filters that make them',
    ),
  keep: z
    .union([share, z.record(z.string(), share)])
    .optional()
    .describe(
      'share of input channels that every layer keeps, or a table {layer: share}; other layers keep all',
    ),
  macs: budgetOption.describe(
    'MACs of the whole network afterwards, per image: a number (8.61G) or a share (0.75x, the default)',
  ),
  multiple: z
    .int()
    .min(1)
    .default(4)
    .describe('numbers of channels are multiples of this, for full vectors of the backend'),
  ...fitOptions,
});
export type Options = z.output<typeof options>;

/** @throws OptionError when several targets are given. */
export function checkTarget({ keep, macs }: Options): void {
  requireOneTarget('channel-prune', { keep, macs });
}

/** @throws OptionError when the table names layers that can't be pruned. */
export function checkTable(keep: Options['keep'], layers: readonly Layer[]): void {
  const names = new Set(layers.flatMap(({ conv }) => [conv.name, conv.origin]));
  const unknown =
    typeof keep === 'object' ? Object.keys(keep).filter((name) => !names.has(name)) : [];
  if (unknown.length)
    throw new OptionError(
      `channel-prune: no layer to prune is named ${unknown.join(', ')}; there are ${layers.map(({ conv }) => conv.name).join(', ')}`,
    );
}

/** The number of channels that a layer keeps for a share; none when it keeps all. */
export function keptCounts({ keep, multiple }: Options, { conv, group }: Layer): number[] {
  const wanted = typeof keep === 'object' ? (keep[conv.name] ?? keep[conv.origin]) : keep;
  if (wanted === undefined || wanted === 1) return [];
  const count = Math.max(1, Math.round((wanted * group.inputs) / multiple)) * multiple;
  return count < group.inputs ? [count] : [];
}
