/** The table of ONNX operators that have a meaning here; all others stay opaque. To add one: its importer, this table. */
import { arithmetic } from './arithmetic.ts';
import type { Importer } from './call.ts';
import { detection } from './detection.ts';
import { globalPools } from './global-pools.ts';
import { indexing } from './indexing.ts';
import { normalisation } from './normalisation.ts';
import { products } from './products.ts';
import { quantisation } from './quantisation.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resize.ts';
import { structure } from './structure.ts';
import { activations } from './unary.ts';
import { windows } from './windows.ts';

export const importers: ReadonlyMap<string, Importer> = new Map(
  Object.entries({
    ...windows,
    ...globalPools,
    ...normalisation,
    ...resizing,
    ...products,
    ...quantisation,
    ...activations,
    ...arithmetic,
    ...reductions,
    ...indexing,
    ...structure,
    ...detection,
  }),
);

/** Names of the ONNX operators that are imported, sorted. */
export const importedOperators = (): string[] => [...importers.keys()].sort();
