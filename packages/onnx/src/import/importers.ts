/** The table of ONNX operators that have a meaning here; all others stay opaque. To add one: its importer, this table. */
import type { Importer } from './call.ts';
import { elementwise } from './elementwise.ts';
import { products } from './products.ts';
import { structure } from './structure.ts';
import { windows } from './windows.ts';

export const importers: ReadonlyMap<string, Importer> = new Map(
  Object.entries({ ...windows, ...products, ...elementwise, ...structure }),
);
