/** Attribute schemas that several ops share. */
import { z } from 'zod';

const size = z.int().min(1);

/** What a schema found wrong, in one line: `stride: expected array; groups: Too small`. */
export const describeIssues = (error: z.core.$ZodError): string =>
  error.issues
    .map(({ path, message }) => (path.length ? `${path.join('.')}: ${message}` : message))
    .join('; ');

/** `[rows, columns]`, each ≥ 1. */
export const pair = z.tuple([size, size]);
/** `[top, left, bottom, right]`, each ≥ 0. */
export const sides = z.tuple([z.int().min(0), z.int().min(0), z.int().min(0), z.int().min(0)]);

/** An element-wise function applied to an op's result; fused into it by `fuse-activations`. */
export const activationSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('relu') }),
    z.strictObject({ kind: z.literal('leaky-relu'), alpha: z.number() }),
    z.strictObject({ kind: z.literal('clip'), min: z.number(), max: z.number() }),
  ])
  .nullable();
export type Activation = z.output<typeof activationSchema>;

/** Applies an activation to one number. */
export function activate(activation: Activation, value: number): number {
  switch (activation?.kind) {
    case undefined:
      return value;
    case 'relu':
      return value > 0 ? value : Number.isNaN(value) ? value : 0;
    case 'leaky-relu':
      return value >= 0 ? value : activation.alpha * value;
    case 'clip':
      return Math.min(Math.max(value, activation.min), activation.max);
  }
}

/** Attributes of pooling. */
export const windowAttrs = {
  kernel: pair.describe('rows and columns of the window'),
  stride: pair.default([1, 1]).describe('step of rows and columns'),
  pads: sides.default([0, 0, 0, 0]).describe('padding: top, left, bottom, right'),
  dilation: pair.default([1, 1]).describe('spacing of the rows and columns of a window'),
  ceil: z.boolean().default(false).describe('whether a last, partial window counts'),
};
