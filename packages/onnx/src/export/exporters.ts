/**
 * How each op is written in ONNX. The table is exhaustive by type: a new op does not compile without its entry.
 * Forms follow the operator set: lists that are inputs in newer sets are attributes in older ones. Fused ops unfold:
 * conv2d + residual + activation is Conv, Add, Relu, and the last of them makes the node's value.
 */
import type { Activation, OpKind } from '@decouple/ir';
import { filled, UnsupportedError, zeros } from '@decouple/tensor';
import { AttributeType, createAttribute, createTensor, decodeNode } from '../proto.ts';
import { renameCaptured } from '../subgraphs.ts';
import { dataTypeOf, rawBytes } from '../tensors.ts';
import { cast, compare, logical, mod, pow, trigonometric } from './arithmetic.ts';
import { gatherElements, gatherNd, scatterElements, scatterNd } from './indexing.ts';
import { needs, needsElements } from './opsets.ts';
import { axisFor, plain, outputOf, withList, type Exporter } from './plain.ts';
import { argExtreme, cumulativeSum, reduce, softmax, topK } from './reductions.ts';
import { writeReshape } from './reshape.ts';
import { writeResize } from './resize.ts';
import * as spatial from './spatial.ts';
import type { Writer } from './writer.ts';

/** Bounds of clip beyond which there is none. */
const largestFloat = 3.4028234663852886e38;

function writeClip(writer: Writer, x: string, output: string, min: number, max: number): void {
  const [low, high] = [min > -largestFloat, max < largestFloat];
  if (writer.opset < 11) {
    const attrs = { ...(low && { min: { float: min } }), ...(high && { max: { float: max } }) };
    return writer.write('Clip', [x], output, attrs);
  }
  const dtype = writer.graph.types.get(x)?.dtype ?? 'float32';
  const value = (role: string, bound: number): string =>
    writer.constant(role, filled(dtype, [], bound));
  const bounds = [low ? value('min', min) : '', high ? value('max', max) : ''];
  writer.write('Clip', [x, ...bounds], output);
}

function writeActivation(writer: Writer, activation: Activation, x: string, output: string): void {
  switch (activation?.kind) {
    case undefined:
      return writer.write('Identity', [x], output);
    case 'relu':
      return writer.write('Relu', [x], output);
    case 'leaky-relu':
      return writer.write('LeakyRelu', [x], output, { alpha: { float: activation.alpha } });
    case 'clip':
      return writeClip(writer, x, output, activation.min, activation.max);
  }
}

/** Writes `act(main + residual)`, where `main` writes itself to a given output; the last node has the node's name. */
function writeFused(
  writer: Writer,
  fused: { readonly residual: string | undefined; readonly activation: Activation },
  main: (output: string | undefined) => string,
): void {
  const output = outputOf(writer.node);
  const { residual, activation } = fused;
  if (!residual && !activation) return void main(output);
  let value = main(undefined);
  if (residual && !activation) return writer.write('Add', [value, residual], output);
  if (residual) value = writer.step('sum', 'Add', [value, residual]);
  writeActivation(writer, activation, value, output);
}

const conv2d: Exporter<'conv2d'> = (node, writer) => {
  const { stride, pads, dilation, groups, activation } = node.attrs;
  const [x, weight, bias = '', residual] = node.inputs as [string, string, string?, string?];
  const kernel = writer.graph.types.get(weight)?.shape.slice(2) as number[] | undefined;
  const attrs = {
    dilations: dilation,
    group: groups,
    kernel_shape: kernel,
    pads,
    strides: stride,
  };
  writeFused(writer, { residual, activation }, (output) => {
    if (output === undefined) return writer.step('conv', 'Conv', [x, weight, bias], attrs);
    writer.write('Conv', [x, weight, bias], output, attrs);
    return output;
  });
};

const linear: Exporter<'linear'> = (node, writer) => {
  const [x, weight, given = '', residual] = node.inputs as [string, string, string?, string?];
  let bias = given;
  if (!bias && writer.opset < 11) {
    const outputs = writer.graph.types.get(weight)?.shape[0] as number;
    bias = writer.constant('bias', zeros('float32', [outputs]));
  }
  const attrs = { transB: 1 };
  writeFused(writer, { residual, activation: node.attrs.activation }, (output) => {
    if (output === undefined) return writer.step('linear', 'Gemm', [x, weight, bias], attrs);
    writer.write('Gemm', [x, weight, bias], output, attrs);
    return output;
  });
};

const add: Exporter<'add'> = (node, writer) => {
  const { activation } = node.attrs;
  needsElements(writer, 'Add');
  if (!activation) return writer.write('Add', node.inputs, outputOf(node));
  writeActivation(writer, activation, writer.step('sum', 'Add', node.inputs), outputOf(node));
};

const hardSwish: Exporter<'hard-swish'> = (node, writer) => {
  if (writer.opset >= 14) return writer.write('HardSwish', node.inputs, outputOf(node));
  const attrs = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };
  const gate = writer.step('gate', 'HardSigmoid', node.inputs, attrs);
  writer.write('Mul', [...node.inputs, gate], outputOf(node));
};

const slice: Exporter<'slice'> = (node, writer) => {
  const { axes, starts, ends, steps } = node.attrs;
  if (writer.opset < 10) {
    if (steps.some((step) => step !== 1)) needs(writer, 10, 'slice with steps');
    return writer.write('Slice', node.inputs, outputOf(node), { axes, starts, ends });
  }
  const lists = Object.entries({ starts, ends, axes, steps }).map(([role, values]) =>
    writer.integers(role, values),
  );
  writer.write('Slice', [...node.inputs, ...lists], outputOf(node));
};

const pad: Exporter<'pad'> = (node, writer) => {
  needsElements(writer, 'Pad');
  const { mode, pads, value } = node.attrs;
  if (mode === 'wrap') needs(writer, 19, 'padding that wraps around');
  const written = mode === 'constant' ? {} : { mode };
  if (writer.opset < 11) {
    const attrs = { pads, value: { float: value }, ...written };
    return writer.write('Pad', node.inputs, outputOf(node), attrs);
  }
  const dtype = writer.graph.types.get(node.inputs[0] as string)?.dtype ?? 'float32';
  const inputs = [...node.inputs, writer.integers('pads', pads)];
  if (value !== 0) inputs.push(writer.constant('value', filled(dtype, [], value)));
  writer.write('Pad', inputs, outputOf(node), written);
};

const flatten: Exporter<'flatten'> = (node, writer) => {
  needsElements(writer, 'Flatten');
  writer.write('Flatten', node.inputs, outputOf(node), { axis: axisFor(writer, node.attrs.axis) });
};

const constantOfShape: Exporter<'constant-of-shape'> = (node, writer) => {
  const { value, dtype } = node.attrs;
  needs(writer, 9, 'constant-of-shape');
  const t = createTensor({
    dims: [1n],
    dataType: dataTypeOf[dtype],
    rawData: rawBytes(filled(dtype, [1], value)),
  });
  const attribute = createAttribute({ name: 'value', type: AttributeType.TENSOR, t });
  writer.write('ConstantOfShape', node.inputs, outputOf(node), { value: attribute });
};

const opaque: Exporter<'opaque'> = (node, writer) => {
  const { domain, opset, opType } = node.attrs;
  if (domain === '' && opset !== writer.opset)
    throw new UnsupportedError(
      `${opType} was written for operator set ${opset} and is not understood; export with opset ${opset}`,
    );
  const proto = decodeNode(node.attrs.payload);
  const own = node.inputs.length - proto.input.length;
  renameCaptured(
    proto,
    new Map(proto.input.map((name, at) => [name, node.inputs[own + at] ?? ''])),
  );
  proto.name = node.name;
  proto.input = node.inputs.slice(0, own);
  proto.output = [...node.outputs];
  writer.raw(proto);
};

export const exporters: { readonly [K in OpKind]: Exporter<K> } = {
  conv2d,
  linear,
  matmul: plain('MatMul'),
  'batch-normalization': (node, writer) =>
    writer.write('BatchNormalization', node.inputs, outputOf(node), {
      epsilon: { float: node.attrs.epsilon },
    }),
  relu: plain('Relu'),
  prelu: plain('PRelu'),
  'leaky-relu': (node, writer) =>
    writeActivation(
      writer,
      { kind: 'leaky-relu', alpha: node.attrs.alpha },
      node.inputs[0] as string,
      outputOf(node),
    ),
  clip: (node, writer) =>
    writeClip(writer, node.inputs[0] as string, outputOf(node), node.attrs.min, node.attrs.max),
  sigmoid: plain('Sigmoid'),
  tanh: plain('Tanh'),
  'hard-sigmoid': (node, writer) =>
    writer.write('HardSigmoid', node.inputs, outputOf(node), {
      alpha: { float: node.attrs.alpha },
      beta: { float: node.attrs.beta },
    }),
  'hard-swish': hardSwish,
  elu: (node, writer) =>
    writer.write('Elu', node.inputs, outputOf(node), { alpha: { float: node.attrs.alpha } }),
  selu: (node, writer) =>
    writer.write('Selu', node.inputs, outputOf(node), {
      alpha: { float: node.attrs.alpha },
      gamma: { float: node.attrs.gamma },
    }),
  softplus: plain('Softplus'),
  erf: plain('Erf'),
  exp: plain('Exp'),
  log: plain('Log'),
  sqrt: plain('Sqrt'),
  abs: plain('Abs'),
  floor: plain('Floor'),
  ceil: plain('Ceil'),
  round: plain('Round'),
  sign: plain('Sign'),
  trigonometric,
  softmax: softmax('Softmax'),
  'log-softmax': softmax('LogSoftmax'),
  add,
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  'conv-transpose2d': spatial.convTranspose2d,
  normalize: spatial.normalize,
  lrn: spatial.lrn,
  'max-pool': spatial.maxPool,
  'max-pool-indices': spatial.maxPoolIndices,
  'average-pool': spatial.averagePool,
  mod,
  pow,
  min: plain('Min'),
  max: plain('Max'),
  compare,
  logical,
  not: plain('Not'),
  where: plain('Where', 1),
  'global-average-pool': plain('GlobalAveragePool'),
  reduce,
  'arg-extreme': argExtreme,
  'top-k': topK,
  'cumulative-sum': cumulativeSum,
  concat: (node, writer) =>
    writer.write('Concat', node.inputs, outputOf(node), { axis: node.attrs.axis }),
  slice,
  pad,
  reshape: writeReshape,
  flatten,
  squeeze: (node, writer) =>
    withList(writer, 'Squeeze', { name: 'axes', values: node.attrs.axes, since: 13 }),
  unsqueeze: (node, writer) =>
    withList(writer, 'Unsqueeze', { name: 'axes', values: node.attrs.axes, since: 13 }),
  transpose: (node, writer) =>
    writer.write('Transpose', node.inputs, outputOf(node), { perm: node.attrs.permutation }),
  gather: (node, writer) =>
    writer.write('Gather', node.inputs, outputOf(node), { axis: node.attrs.axis }),
  'gather-elements': gatherElements,
  'gather-nd': gatherNd,
  'scatter-elements': scatterElements,
  'scatter-nd': scatterNd,
  shape: plain('Shape'),
  cast,
  identity: plain('Identity'),
  dropout: plain('Dropout'),
  'constant-of-shape': constantOfShape,
  range: (node, writer) => {
    needs(writer, 11, 'range');
    writer.write('Range', node.inputs, outputOf(node));
  },
  resize: writeResize,
  'depth-to-space': spatial.depthToSpace,
  expand: spatial.expand,
  'non-max-suppression': spatial.nonMaxSuppression,
  'roi-align': spatial.roiAlign,
  opaque,
};
