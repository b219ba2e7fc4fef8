/** How ops over windows, maps and regions are written in ONNX. */
import type { NodeOf, OpKind } from '@decouple/ir';
import { float32, UnsupportedError } from '@decouple/tensor';
import { writeSizes } from './sizes.ts';
import { needs } from './opsets.ts';
import type { AttributeValues, Writer } from './writer.ts';

type Write<K extends OpKind> = (node: NodeOf<K>, writer: Writer) => void;

const outputOf = (node: { readonly outputs: readonly string[] }): string =>
  node.outputs[0] as string;

export const convTranspose2d: Write<'conv-transpose2d'> = (node, writer) => {
  const { stride, pads, dilation, outputPadding, groups } = node.attrs;
  const weight = writer.graph.types.get(node.inputs[1] as string);
  writer.write('ConvTranspose', node.inputs, outputOf(node), {
    dilations: dilation,
    group: groups,
    kernel_shape: weight?.shape.slice(2) as number[] | undefined,
    output_padding: outputPadding.some(Boolean) ? outputPadding : undefined,
    pads,
    strides: stride,
  });
};

/** Attributes of pooling; `dilated` is the operator set that knows dilation. */
function windowAttrs(
  { attrs }: NodeOf<'max-pool' | 'max-pool-indices' | 'average-pool'>,
  writer: Writer,
  opType: string,
  dilated: number,
): AttributeValues {
  const { kernel, stride, pads, dilation, ceil } = attrs;
  const spaced = dilation.some((step) => step !== 1);
  if (ceil) needs(writer, 10, `${opType} with ceil`);
  if (spaced) needs(writer, dilated, `${opType} with dilation`);
  return {
    kernel_shape: kernel,
    pads,
    strides: stride,
    dilations: spaced ? dilation : undefined,
    ceil_mode: ceil ? 1 : undefined,
  };
}

export const maxPool: Write<'max-pool'> = (node, writer) =>
  writer.write('MaxPool', node.inputs, outputOf(node), windowAttrs(node, writer, 'max-pool', 10));

export const maxPoolIndices: Write<'max-pool-indices'> = (node, writer) => {
  needs(writer, 8, 'max-pool-indices');
  const attrs = windowAttrs(node, writer, 'max-pool', 10);
  const values = writer.fresh('values');
  writer.write('MaxPool', node.inputs, [values, outputOf(node)], {
    ...attrs,
    storage_order: node.attrs.columnMajor ? 1 : undefined,
  });
};

export const averagePool: Write<'average-pool'> = (node, writer) =>
  writer.write('AveragePool', node.inputs, outputOf(node), {
    ...windowAttrs(node, writer, 'average-pool', 19),
    count_include_pad: node.attrs.countIncludePad ? 1 : undefined,
  });

export const lrn: Write<'lrn'> = (node, writer) => {
  const { size, alpha, beta, bias } = node.attrs;
  writer.write('LRN', node.inputs, outputOf(node), {
    size,
    alpha: { float: alpha },
    beta: { float: beta },
    bias: { float: bias },
  });
};

/** Axes as an attribute, or as an input from operator set 18 on. */
function mean(writer: Writer, role: string, x: string, axes: readonly number[]): string {
  const keep = { keepdims: 1 };
  if (writer.opset < 18) return writer.step(role, 'ReduceMean', [x], { axes, ...keep });
  return writer.step(role, 'ReduceMean', [x, writer.integers(`${role}-axes`, axes)], keep);
}

/** The definition, spelled out. */
function writeDefinition(node: NodeOf<'normalize'>, writer: Writer, axes: readonly number[]): void {
  const { epsilon, center } = node.attrs;
  let x = node.inputs[0] as string;
  if (center) x = writer.step('centred', 'Sub', [x, mean(writer, 'mean', x, axes)]);
  const variance = mean(writer, 'variance', writer.step('squares', 'Mul', [x, x]), axes);
  const sum = writer.step('sum', 'Add', [variance, writer.scalar('epsilon', epsilon)]);
  writer.write('Div', [x, writer.step('deviation', 'Sqrt', [sum])], outputOf(node));
}

/** Instance normalisation where the axes are those of the maps, else the definition. */
export const normalize: Write<'normalize'> = (node, writer) => {
  const [x] = node.inputs as [string];
  const shape = writer.graph.types.get(x)?.shape;
  if (!shape) throw new UnsupportedError('the shape of the input is unknown');
  const rank = shape.length;
  const axes = node.attrs.axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  const maps = rank > 2 && axes.length === rank - 2 && axes[0] === 2;
  const channels = shape[1];
  if (!maps || !node.attrs.center || typeof channels !== 'number')
    return writeDefinition(node, writer, axes);
  const all = (role: string, value: number): string =>
    writer.constant(role, float32([channels], new Float32Array(channels).fill(value)));
  const inputs = [x, all('scale', 1), all('offset', 0)];
  const epsilon = { float: node.attrs.epsilon };
  writer.write('InstanceNormalization', inputs, outputOf(node), { epsilon });
};

export const depthToSpace: Write<'depth-to-space'> = (node, writer) => {
  const { block, order } = node.attrs;
  if (order !== 'DCR') needs(writer, 11, `depth-to-space with order ${order}`);
  const mode = order === 'DCR' ? undefined : order;
  writer.write('DepthToSpace', node.inputs, outputOf(node), { blocksize: block, mode });
};

export const expand: Write<'expand'> = (node, writer) => {
  needs(writer, 8, 'expand');
  const shape = writeSizes(writer, 'shape', node.attrs.shape);
  writer.write('Expand', [...node.inputs, shape], outputOf(node));
};

export const nonMaxSuppression: Write<'non-max-suppression'> = (node, writer) => {
  needs(writer, 10, 'non-max-suppression');
  const attrs = { center_point_box: node.attrs.centerPoint ? 1 : undefined };
  writer.write('NonMaxSuppression', node.inputs, outputOf(node), attrs);
};

export const roiAlign: Write<'roi-align'> = (node, writer) => {
  const { mode, output, samplingRatio, scale, halfPixel } = node.attrs;
  needs(writer, halfPixel ? 16 : 10, 'roi-align');
  const transform = writer.opset < 16 ? undefined : halfPixel ? 'half_pixel' : 'output_half_pixel';
  writer.write('RoiAlign', node.inputs, outputOf(node), {
    mode: mode === 'average' ? 'avg' : 'max',
    output_height: output[0],
    output_width: output[1],
    sampling_ratio: samplingRatio,
    spatial_scale: { float: scale },
    coordinate_transformation_mode: transform,
  });
};
