/** Plans the chosen kernel of a convolution; a matrix product is one of pointwise shape. */
import { sizeOf } from '@decouple/tensor';
import type { NodeOf } from '@decouple/ir';
import type { Delegation, KernelContext, KernelPlan } from '../kernel.ts';
import { addressAt, type View } from '../layout.ts';
import { convCandidates, type ConvKernel } from './conv-candidates.ts';
import { mapStrides, type ConvOperands, type ConvShape } from './conv-shape.ts';

/** The parameters of a node, or why they can't be packed. */
function parametersOf(
  node: NodeOf<'conv2d'> | NodeOf<'linear'>,
  context: KernelContext,
): { weight: Float32Array; bias: Float32Array | undefined; shape: readonly number[] } | Delegation {
  const weight = context.constant(node.inputs[1] ?? '');
  const bias = node.inputs[2] ? context.constant(node.inputs[2]) : undefined;
  if (!weight || (node.inputs[2] && !bias)) return { delegate: 'weights or bias are computed' };
  return {
    weight: weight.data as Float32Array,
    bias: bias?.data as Float32Array | undefined,
    shape: weight.shape,
  };
}

function planConv(
  context: KernelContext,
  chosen: ConvKernel,
  shape: ConvShape,
  operands: ConvOperands,
): KernelPlan {
  const { kernel, outRows, outColumns, batch, groups, outChannels, channels } = shape;
  if (batch * outRows * outColumns * groups * outChannels * channels === 0)
    return { kernel: 'empty', calls: [] };
  return {
    kernel: `${chosen} ${kernel.join('×')}`,
    calls: convCandidates[chosen].plan(context, shape, operands),
  };
}

export function conv2d(node: NodeOf<'conv2d'>, context: KernelContext): KernelPlan | Delegation {
  const parameters = parametersOf(node, context);
  if ('delegate' in parameters) return parameters;
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  const residual = node.inputs[3] ? context.view(node.inputs[3]) : undefined;
  if (!x || !y || x.address.space === 'weights') return { delegate: 'the input is constant' };
  const { stride, pads, dilation, groups, activation } = node.attrs;
  const [outChannels, channels, rows, columns] = parameters.shape as [
    number,
    number,
    number,
    number,
  ];
  const shape: ConvShape = {
    batch: y.shape[0] as number,
    inRows: x.shape[2] as number,
    padTop: pads[0],
    outRows: y.shape[2] as number,
    outColumns: y.shape[3] as number,
    groups,
    channels,
    outChannels: outChannels / groups,
    kernel: [rows, columns],
    stride,
    dilation,
    input: mapStrides(x),
    output: mapStrides(y),
    residual: residual ? mapStrides(residual) : null,
    activation,
  };
  const [, , rowFloats, pixelFloats] = x.strides as [number, number, number, number];
  return planConv(context, context.choice(node.name) ?? 'gemm', shape, {
    ...parameters,
    input: addressAt(x, -pads[0] * rowFloats - pads[1] * pixelFloats),
    output: y.address,
    residual: residual?.address ?? null,
  });
}

/** y[m,n] = x[m,k] · Wᵀ: m pixels of k channels. */
export function linear(node: NodeOf<'linear'>, context: KernelContext): KernelPlan | Delegation {
  const parameters = parametersOf(node, context);
  if ('delegate' in parameters) return parameters;
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  const residual = node.inputs[3] ? context.view(node.inputs[3]) : undefined;
  if (!x || !y) return { delegate: 'the input is not float32' };
  const [outChannels, channels] = parameters.shape as [number, number];
  const strides = (view: View): ConvShape['input'] => ({
    image: 4 * sizeOf(view.shape),
    row: 4 * sizeOf(view.shape),
    pixel: 4 * (view.shape[1] as number),
  });
  const shape: ConvShape = {
    batch: 1,
    inRows: 1,
    padTop: 0,
    outRows: 1,
    outColumns: x.shape[0] as number,
    groups: 1,
    channels,
    outChannels,
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    input: strides(x),
    output: strides(y),
    residual: residual ? strides(residual) : null,
    activation: node.attrs.activation,
  };
  const plan = planConv(context, 'gemm', shape, {
    ...parameters,
    input: x.address,
    output: y.address,
    residual: residual?.address ?? null,
  });
  return { ...plan, kernel: 'gemm linear' };
}
