/**
 * An operator of the imported model that no record describes. It keeps the ONNX payload, so that export writes it back
 * unchanged; passes treat it as a barrier, and no backend runs it.
 */
import { dtypes, UnsupportedError } from '@decouple/tensor';
import { z } from 'zod';
import { defineOp } from '../define-op.ts';

const valueType = z.strictObject({
  dtype: z.enum(dtypes),
  shape: z.array(z.union([z.int().min(0), z.string().min(1)])),
});

export const opaque = defineOp({
  kind: 'opaque',
  doc: 'An unknown operator of the imported model, kept as it was.',
  inputs: [{ name: 'inputs', optional: true, variadic: true }],
  attrs: z.strictObject({
    domain: z.string().default('').describe("operator set; empty is ONNX's own"),
    opType: z.string().describe('name of the operator'),
    opset: z.int().min(1).describe('version of the operator set'),
    payload: z.string().default('').describe('the ONNX NodeProto in base64'),
    outputTypes: z
      .array(valueType.nullable())
      .describe('types of the outputs as far as the model tells them'),
  }),
  infer: (_inputs, { outputTypes }) => outputTypes,
  reference: (_inputs, { domain, opType }) => {
    throw new UnsupportedError(
      `operator ${domain ? `${domain}.` : ''}${opType} is unknown and can't be run; ask for values before it`,
    );
  },
  samples: () => [],
});
