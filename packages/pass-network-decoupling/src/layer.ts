/** The convolutions that can be decoupled, and why the others can't. */
import { constantInput, staticShape, type Graph, type NodeOf } from '@decouple/ir';
import { isFloat32 } from '@decouple/tensor';
import type { KernelSize } from './factors.ts';
import type { ConvSize } from './macs.ts';

export interface Layer {
  readonly conv: NodeOf<'conv2d'>;
  readonly kernel: readonly [number, number];
  readonly size: ConvSize;
  /** Sizes of one group. */
  readonly group: KernelSize;
  /** W₀ `[O, I, k]`, all groups. */
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
}

/** W₀ of one group, `[O, D]`. */
export const groupKernel = ({ weight, group }: Layer, index: number): Float32Array => {
  const size = group.outputs * group.inputs * group.taps;
  return weight.subarray(index * size, (index + 1) * size);
};

/** A layer, or the reason why the convolution is left alone. */
export function layerOf(graph: Graph, conv: NodeOf<'conv2d'>): Layer | string {
  const weight = constantInput(graph, conv, 1);
  if (!weight || !isFloat32(weight)) return 'the weight is not a float32 constant';
  const bias = constantInput(graph, conv, 2);
  if (conv.inputs[2] && !(bias && isFloat32(bias))) return 'the bias is not a float32 constant';
  const [outChannels, inputs, kh, kw] = weight.shape as [number, number, number, number];
  const { groups } = conv.attrs;
  if (kh * kw === 1) return 'pointwise convolutions have nothing to decouple';
  if (inputs === 1) return 'already depthwise';
  const [x, y] = [
    graph.types.get(conv.inputs[0] as string),
    graph.types.get(conv.outputs[0] as string),
  ];
  const [inputShape, outputShape] = [x, y].map(
    (type) => type && staticShape({ ...type, shape: type.shape.slice(1) }),
  );
  if (!inputShape || !outputShape) return 'rows and columns of the input are not known';
  const [inputArea, outputArea] = [inputShape, outputShape].map(
    ([, rows, columns]) => (rows as number) * (columns as number),
  ) as [number, number];
  return {
    conv,
    kernel: [kh, kw],
    size: {
      inChannels: inputs * groups,
      outChannels,
      groups,
      taps: kh * kw,
      inputArea,
      outputArea,
    },
    group: { inputs, outputs: outChannels / groups, taps: kh * kw },
    weight: weight.data,
    ...(bias && isFloat32(bias) ? { bias: bias.data } : {}),
  };
}
