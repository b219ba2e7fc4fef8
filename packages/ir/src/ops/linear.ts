/**
 * A fully connected layer, with what backends fuse into it:
 *
 *   y[m,n] = act( b[n] + Σ_k x[m,k] · W[n,k] + r[m,n] )
 *
 * Importers fold transposition and scalars of other forms (Gemm, MatMul with a constant) into W and b.
 */
import { float32, floats, ModelError, type Random, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { activate, activationSchema, type Activation } from '../attributes.ts';
import { channelsOf, type ChannelRelation } from '../channels.ts';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput, optionalOfType, staticDim } from '../shapes.ts';
import { elementsOf, formatType, type Dim, type ValueType } from '../types.ts';

const attrs = z.strictObject({
  activation: activationSchema.default(null).describe('applied to the result'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes): ValueType[] {
  const x = floatInput(inputs[0], 'x', 2);
  const weight = floatInput(inputs[1], 'weight', 2);
  const [outFeatures, features] = [staticDim(weight, 0, 'weight'), staticDim(weight, 1, 'weight')];
  if (x.shape[1] !== features)
    throw new ModelError(`x ${formatType(x)} and weight ${formatType(weight)} differ in features`);
  const out: ValueType = { dtype: 'float32', shape: [x.shape[0] as Dim, outFeatures] };
  optionalOfType(inputs[2], { dtype: 'float32', shape: [outFeatures] }, 'bias');
  optionalOfType(inputs[3], out, 'residual');
  return [out];
}

function channels([x, weight, bias, residual]: InputTypes): ChannelRelation<Attrs> | undefined {
  const [inputs, outputs] = [channelsOf(x), weight?.shape[0]];
  if (inputs === undefined || typeof outputs !== 'number') return undefined;
  const rows = [
    { input: 1, axis: 0 },
    ...(bias ? [{ input: 2, axis: 0 }] : []),
    ...(residual ? [{ input: 3 }] : []),
    { output: 0 },
  ];
  const columns = [{ input: 0 }, { input: 1, axis: 1 }];
  return {
    ties: [
      { count: outputs, places: rows },
      { count: inputs, places: columns },
    ],
  };
}

function reference(inputs: readonly (Tensor | undefined)[], { activation }: Attrs): Tensor[] {
  const [x, weight, bias, residual] = inputs as [Tensor, Tensor, Tensor?, Tensor?];
  const [rows, features] = x.shape as [number, number];
  const outFeatures = weight.shape[0] as number;
  const [input, matrix] = [floats(x, 'x'), floats(weight, 'weight')];
  const [offsets, addend] = [bias && floats(bias), residual && floats(residual)];
  const out = new Float32Array(rows * outFeatures);
  let at = 0;
  for (let m = 0; m < rows; m++)
    for (let n = 0; n < outFeatures; n++, at++) {
      let sum = offsets?.[n] ?? 0;
      for (let k = 0; k < features; k++)
        sum += (input[m * features + k] as number) * (matrix[n * features + k] as number);
      out[at] = activate(activation, sum + (addend?.[at] ?? 0));
    }
  return [float32([rows, outFeatures], out)];
}

interface Case {
  readonly name: string;
  /** Rows, features, output features. */
  readonly size: readonly [number, number, number];
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly activation?: Activation;
}

const cases: Case[] = [
  { name: 'one by one', size: [1, 1, 1] },
  { name: 'odd sizes', size: [1, 13, 7], bias: true },
  { name: 'batch 3', size: [3, 17, 10], bias: true },
  { name: 'no bias', size: [2, 32, 16] },
  { name: 'many rows', size: [9, 8, 33], bias: true },
  { name: 'relu', size: [2, 20, 12], bias: true, activation: { kind: 'relu' } },
  { name: 'residual', size: [2, 11, 5], residual: true },
  {
    name: 'bias, residual, clip',
    size: [3, 9, 6],
    bias: true,
    residual: true,
    activation: { kind: 'clip', min: -1, max: 1 },
  },
];

const samples = (random: Random): Sample<Attrs>[] =>
  cases.map(({ name, size, bias, residual, activation = null }) => {
    const [rows, features, outFeatures] = size;
    return {
      name,
      inputs: [
        randomFloats(random, [rows, features]),
        randomFloats(random, [outFeatures, features]),
        bias ? randomFloats(random, [outFeatures]) : undefined,
        residual ? randomFloats(random, [rows, outFeatures]) : undefined,
      ],
      attrs: { activation },
    };
  });

export const linear = defineOp({
  kind: 'linear',
  doc: 'Fully connected: x [m,k] · weightᵀ, weight [n,k] (+ bias [n]) (+ residual [m,n]), then the activation.',
  inputs: [
    { name: 'x' },
    { name: 'weight' },
    { name: 'bias', optional: true },
    { name: 'residual', optional: true },
  ],
  attrs,
  infer,
  macs: (inputs, _attrs, outputs) =>
    elementsOf(outputs[0] as ValueType) * ((inputs[1] as ValueType).shape[1] as number),
  channels,
  reference,
  samples,
});
