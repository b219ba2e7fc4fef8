/** The table of ONNX operators that have a meaning here; all others stay opaque. To add one: its importer, this table. */
import type { Importer } from './call.ts';
import { detection } from './detection.ts';
import { elementwise } from './elementwise.ts';
import { globalPools } from './global-pools.ts';
import { normalisation } from './normalisation.ts';
import { products } from './products.ts';
import { resizing } from './resize.ts';
import { structure } from './structure.ts';
import { windows } from './windows.ts';

export const importers: ReadonlyMap<string, Importer> = new Map(
  Object.entries({
    ...windows,
    ...globalPools,
    ...normalisation,
    ...resizing,
    ...products,
    ...elementwise,
    ...structure,
    ...detection,
  }),
);

/** Names of the ONNX operators that are imported, sorted. */
export const importedOperators = (): string[] => [...importers.keys()].sort();
