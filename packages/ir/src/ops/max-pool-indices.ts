/**
 * Where the largest value of each window lies, as its position in the whole of x [N,C,H,W] counted row by row, or
 * column by column within each map; of equal ones the first in the window's own rows.
 */
import { floats, int64, stridesOf, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { windowAttrs } from '../attributes.ts';
import { defineOp, type Sample } from '../define-op.ts';
import { forEachIndex } from '../loops.ts';
import { inferPool, poolCases, tapsOf } from '../pool.ts';
import { randomFloats } from '../sampling.ts';
import { typeOfTensor, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  ...windowAttrs,
  columnMajor: z.boolean().default(false).describe('whether positions in a map count by columns'),
});
type Attrs = z.output<typeof attrs>;

function reference(inputs: readonly (Tensor | undefined)[], attrs: Attrs): Tensor[] {
  const x = inputs[0] as Tensor;
  const shape = (inferPool([typeOfTensor(x)], attrs)[0] as ValueType).shape as number[];
  const [, , height, width] = x.shape as [number, number, number, number];
  const rows = tapsOf(height, shape[2] as number, attrs, 0);
  const columns = tapsOf(width, shape[3] as number, attrs, 1);
  const data = floats(x, 'x');
  const [perImage, perMap] = stridesOf(x.shape) as [number, number];
  const found: number[] = [];
  forEachIndex(shape, ([n, c, u, v]) => {
    const map = (n as number) * perImage + (c as number) * perMap;
    let best: [number, number] | undefined;
    const at = ([h, w]: [number, number]): number => data[map + h * width + w] as number;
    for (const h of rows[u as number] ?? [])
      for (const w of columns[v as number] ?? [])
        if (!best || at([h, w]) > at(best)) best = [h, w];
    const [h, w] = best ?? [0, 0];
    found.push(map + (attrs.columnMajor ? w * height + h : h * width + w));
  });
  return [int64(found, shape)];
}

const samples = (random: Random): Sample<Attrs>[] =>
  [false, true].flatMap((columnMajor) =>
    poolCases.map(([name, shape, given]) => ({
      name: columnMajor ? `${name}, by columns` : name,
      inputs: [randomFloats(random, shape)],
      attrs: attrs.parse({ ...given, columnMajor }),
    })),
  );

export const maxPoolIndices = defineOp({
  kind: 'max-pool-indices',
  doc: 'Position in x [N,C,H,W] of the largest value of each window, as int64.',
  inputs: [{ name: 'x' }],
  attrs,
  infer: (inputs, attrs) =>
    inferPool(inputs, attrs).map(({ shape }) => ({ dtype: 'int64', shape })),
  reference,
  samples,
});
