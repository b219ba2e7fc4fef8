/** Convolutions as decompositions see them, and why some are left alone. */
import { constantInput, staticShape, type Graph, type NodeOf } from '@decouple/ir';
import { holdsNumbers, isFloat32 } from '@decouple/tensor';

/** Sizes of one group of a convolution. */
export interface KernelSize {
  readonly inputs: number;
  readonly outputs: number;
  /** kh·kw. */
  readonly taps: number;
}

/** Sizes of a whole convolution. */
export interface ConvSize {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernel: readonly [number, number];
  /** Rows and columns. */
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
}

export interface Layer {
  readonly conv: NodeOf<'conv2d'>;
  readonly size: ConvSize;
  /** Sizes of one group. */
  readonly group: KernelSize;
  /** W₀ `[O, I/g, kh, kw]`. */
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
}

export const areaOf = ([rows, columns]: readonly [number, number]): number => rows * columns;

/** MACs of the dense convolution, per image. */
export const denseMacs = ({ size, group }: Layer): number =>
  group.inputs * size.outChannels * group.taps * areaOf(size.output);

/** W₀ of one group, `[O, D]`, D = I·k. */
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
  if (!holdsNumbers(weight) || (bias && !holdsNumbers(bias)))
    return 'its weights hold NaN or infinity';
  const [outChannels, inputs, kh, kw] = weight.shape as [number, number, number, number];
  const { groups } = conv.attrs;
  const [input, output] = [conv.inputs[0], conv.outputs[0]].map((value) => {
    const type = graph.types.get(value as string);
    return type && staticShape({ ...type, shape: type.shape.slice(2) });
  });
  if (input?.length !== 2 || output?.length !== 2)
    return 'rows and columns of the input are not known';
  return {
    conv,
    size: {
      inChannels: inputs * groups,
      outChannels,
      groups,
      kernel: [kh, kw],
      input: input as [number, number],
      output: output as [number, number],
    },
    group: { inputs, outputs: outChannels / groups, taps: kh * kw },
    weight: weight.data,
    ...(bias && isFloat32(bias) ? { bias: bias.data } : {}),
  };
}
