/** Arithmetic and activations, element by element. */
import type { OneOf } from '@decouple/backend';
import type { NodeOf } from '@decouple/ir';
import { exponentialBelow, exponentialBodies } from './elementwise-bodies.ts';
import { mapCalls, type MapBody } from './map.ts';
import { activate } from '../emit/simd.ts';
import type { Delegation, KernelContext, KernelPlan, Vector } from '../kernel.ts';
import type { View } from '../layout.ts';

/** Functions that are one vector instruction. */
const instructions = {
  sqrt: 'f32x4.sqrt',
  abs: 'f32x4.abs',
  floor: 'f32x4.floor',
  ceil: 'f32x4.ceil',
  round: 'f32x4.nearest',
} as const;

type UnaryKind =
  | 'relu'
  | 'leaky-relu'
  | 'clip'
  | 'sigmoid'
  | 'tanh'
  | 'hard-sigmoid'
  | 'hard-swish'
  | 'exp'
  | 'elu'
  | 'selu'
  | 'softplus'
  | 'erf'
  | 'log'
  | keyof typeof instructions;
type BinaryKind = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

function unaryBody(node: OneOf<UnaryKind>): MapBody {
  switch (node.op) {
    case 'relu':
      return (f, [x]) => activate(f.get(x as Vector), { kind: 'relu' }, x as Vector);
    case 'leaky-relu': {
      const { alpha } = node.attrs;
      return (f, [x]) => activate(f.get(x as Vector), { kind: 'leaky-relu', alpha }, x as Vector);
    }
    case 'clip': {
      const { min, max } = node.attrs;
      return (f, [x]) => activate(f.get(x as Vector), { kind: 'clip', min, max }, x as Vector);
    }
    case 'sigmoid':
    case 'tanh':
    case 'exp':
    case 'softplus':
    case 'erf':
    case 'log':
      return exponentialBodies[node.op];
    case 'elu':
      return exponentialBelow(node.attrs.alpha, 1);
    case 'selu':
      return exponentialBelow(node.attrs.alpha, node.attrs.gamma);
    case 'sqrt':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'round':
      return (f, [x]) => f.get(x as Vector).op(instructions[node.op]);
    case 'hard-sigmoid': {
      const { alpha, beta } = node.attrs;
      return (f, [x]) => hardSigmoid(alpha, beta)(f, [x as Vector]);
    }
    case 'hard-swish':
      return (f, [x]) => {
        hardSigmoid(1 / 6, 0.5)(f, [x as Vector]);
        f.get(x as Vector).op('f32x4.mul');
      };
  }
}

/** max(0, min(1, alpha · x + beta)) */
const hardSigmoid =
  (alpha: number, beta: number): MapBody =>
  (f, [x]) => {
    f.get(x as Vector)
      .f32x4(alpha)
      .op('f32x4.mul')
      .f32x4(beta)
      .op('f32x4.add');
    activate(f, { kind: 'clip', min: 0, max: 1 }, x as Vector);
  };

function planMap(
  node: {
    readonly op: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  },
  context: KernelContext,
  parameters: unknown,
  body: MapBody,
): KernelPlan | Delegation {
  const out = context.view(node.outputs[0] ?? '');
  const operands = node.inputs.map((input) => context.view(input));
  if (!out || operands.some((view) => !view)) return { delegate: 'values are not float32' };
  const calls = mapCalls(context, out, operands as View[], { name: node.op, parameters, body });
  return { kernel: node.op, calls };
}

export const unary = (node: OneOf<UnaryKind>, context: KernelContext): KernelPlan | Delegation =>
  planMap(node, context, node.attrs, unaryBody(node));

export function binary(node: OneOf<BinaryKind>, context: KernelContext): KernelPlan | Delegation {
  const activation = node.op === 'add' ? node.attrs.activation : null;
  return planMap(node, context, activation, (f, [a, b]) => {
    f.get(a as Vector)
      .get(b as Vector)
      .op(`f32x4.${node.op}`);
    activate(f, activation, a as Vector);
  });
}

/** x where x ≥ 0, else slope · x. */
export const prelu = (node: NodeOf<'prelu'>, context: KernelContext): KernelPlan | Delegation =>
  planMap(node, context, null, (f, [x, slope]) => {
    f.get(x as Vector)
      .get(slope as Vector)
      .op('f32x4.mul')
      .get(x as Vector);
    f.get(x as Vector)
      .f32x4(0)
      .op('f32x4.lt', 'v128.bitselect');
  });

/** factor · (x - mean) + bias with factor = scale / √(variance + ε), as factor · x + (bias - factor · mean). */
export function batchNormalization(
  node: NodeOf<'batch-normalization'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const [x, out] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  const parameters = node.inputs
    .slice(1)
    .map((input) => context.constant(input)?.data as Float32Array);
  if (!x || !out || parameters.some((value) => !value))
    return { delegate: 'parameters are computed' };
  const [scale, bias, mean, variance] = parameters as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const channels = x.shape[1] as number;
  const factor = (channel: number): number =>
    (scale[channel] as number) / Math.sqrt((variance[channel] as number) + node.attrs.epsilon);
  const perChannel = (valueOf: (channel: number) => number): View => ({
    shape: [channels, ...x.shape.slice(2).map(() => 1)],
    strides: [1, ...x.shape.slice(2).map(() => 0)],
    address: context.weights(channels, {
      order: { kind: 'plain' },
      source: Float32Array.from({ length: channels }, (_, channel) => valueOf(channel)),
    }),
  });
  const factors = perChannel(factor);
  const offsets = perChannel(
    (channel) => (bias[channel] as number) - factor(channel) * (mean[channel] as number),
  );
  const calls = mapCalls(context, out, [x, factors, offsets], {
    name: node.op,
    body: (f, [value, scaled, offset]) =>
      f
        .get(value as Vector)
        .get(scaled as Vector)
        .op('f32x4.mul')
        .get(offset as Vector)
        .op('f32x4.add'),
  });
  return { kernel: node.op, calls };
}
