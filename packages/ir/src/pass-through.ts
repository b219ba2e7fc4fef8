/** Ops that give back their input, of any type. */
import type { Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp } from './define-op.ts';
import { randomFloats, randomIntegers } from './sampling.ts';
import { required } from './shapes.ts';

const attrs = z.strictObject({});

export function passThroughOp<const Kind extends string>(kind: Kind, doc: string) {
  return defineOp({
    kind,
    doc,
    inputs: [{ name: 'x' }],
    attrs,
    infer: (inputs) => [required(inputs[0], 'x')],
    reference: (inputs) => [inputs[0] as Tensor],
    samples: (random) => [
      { name: '4-D', inputs: [randomFloats(random, [2, 3, 4, 5])], attrs: {} },
      { name: 'scalar', inputs: [randomFloats(random, [])], attrs: {} },
      { name: 'int64', inputs: [randomIntegers(random, 'int64', [3])], attrs: {} },
    ],
  });
}
