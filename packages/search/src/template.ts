/**
 * Pipelines with a free budget. `$` stands for the share of MACs that is left, `$^0.5` for a power of it, so that
 * the budgets of passes one after the other multiply to the whole:
 *
 *   fold-batch-norm, decouple{macs=$x}
 *   fold-batch-norm, spatial-decompose{macs=$^0.5x}, decouple{macs=$^0.5x}
 */
import { OptionError } from '@decouple/tensor';

const hole = /\$(?:\^(\d*\.?\d+))?/g;

/** Shares in a pipeline's text have this many decimals: the same text is the same trial. */
const decimals = 4;

/** @throws OptionError when the text has no `$`. */
export function requireTemplate(text: string): void {
  if (!text.includes('$'))
    throw new OptionError(
      `pipeline '${text}': write $ where the budget goes, for instance decouple{macs=$x}`,
    );
}

/** The pipeline for one share, in (0, 1]. */
export const fillTemplate = (text: string, share: number): string =>
  text.replace(hole, (_, power?: string) =>
    String(Number((share ** Number(power ?? 1)).toFixed(decimals))),
  );
