/** What convolution kernels are generated from: sizes and byte strides of one grouped convolution. */
import { sizesOf, type Activation, type Graph, type Node, type NodeOf } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';
import type { Address, View } from '../layout.ts';

/** Byte strides of a feature map; channels are contiguous. */
export interface MapStrides {
  readonly image: number;
  readonly row: number;
  readonly pixel: number;
}

/** Sizes of a convolution's weights. */
export interface ConvSizes {
  readonly groups: number;
  /** Per group. */
  readonly channels: number;
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
}

/** Only the sizes of the weights. */
export const sizesOfWeights = ({
  groups,
  channels,
  outChannels,
  kernel,
}: ConvSizes): ConvSizes => ({ groups, channels, outChannels, kernel });

/** Sizes of a convolution, known before values have places: what kernels are chosen by. */
export interface ConvGeometry extends ConvSizes {
  readonly batch: number;
  readonly inRows: number;
  /** Rows of padding above. */
  readonly padTop: number;
  readonly outRows: number;
  readonly outColumns: number;
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

export interface ConvShape extends ConvGeometry {
  readonly input: MapStrides;
  readonly output: MapStrides;
  /** Absent without a residual. */
  readonly residual: MapStrides | null;
  readonly activation: Activation;
}

/** What a convolution reads and writes; `input` is where the first window starts. */
export interface ConvOperands {
  readonly input: Address;
  readonly output: Address;
  readonly residual: Address | null;
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
}

/** Byte strides of a rank-4 view. */
export function mapStrides(view: View): MapStrides {
  const [image, , row, pixel] = view.strides as [number, number, number, number];
  return { image: 4 * image, row: 4 * row, pixel: 4 * pixel };
}

type Parametrised = NodeOf<'conv2d'> | NodeOf<'linear'>;

/** Whether a convolution's parameters are constant, which the generated kernels need to pack them. */
export const hasConstantParameters = (
  node: Parametrised,
  known: ReadonlyMap<string, Tensor>,
): boolean => known.has(node.inputs[1] ?? '') && (!node.inputs[2] || known.has(node.inputs[2]));

/** Sizes of a convolution that generated kernels can run, with symbols as 1; `undefined` of all other nodes. */
export function geometryOf(
  graph: Graph,
  node: Node,
  known: ReadonlyMap<string, Tensor>,
): ConvGeometry | undefined {
  if (
    node.op !== 'conv2d' ||
    !hasConstantParameters(node, known) ||
    known.has(node.inputs[0] ?? '')
  )
    return undefined;
  const type = graph.types.get(node.outputs[0] ?? '');
  const weight = known.get(node.inputs[1] ?? '');
  if (!type || !weight) return undefined;
  const [batch, , outRows, outColumns] = sizesOf(type) as [number, number, number, number];
  const [outChannels, channels, rows, columns] = weight.shape as [number, number, number, number];
  const { stride, dilation, groups, pads } = node.attrs;
  const input = graph.types.get(node.inputs[0] ?? '');
  if (!input) return undefined;
  const kernel: [number, number] = [rows, columns];
  return {
    ...{ batch, outRows, outColumns, groups, channels },
    ...{ inRows: sizesOf(input)[2] as number, padTop: pads[0] },
    ...{ outChannels: outChannels / groups, kernel, stride, dilation },
  };
}

/** Rows of the kernel that meet the map, not its padding, where row `row` of the outputs is computed: first and end. */
export function kernelRowsOf(
  { kernel, stride, dilation, inRows, padTop }: ConvGeometry,
  row: number,
): readonly [first: number, end: number] {
  const above = padTop - row * stride[0];
  const first = Math.min(kernel[0], Math.max(0, Math.ceil(above / dilation[0])));
  return [first, Math.max(first, Math.min(kernel[0], Math.ceil((above + inRows) / dilation[0])))];
}

/** Bytes between the last pixel of a row of outputs and the first one of the next. */
export const gapOf = (
  { outColumns }: Pick<ConvGeometry, 'outColumns'>,
  { row, pixel }: MapStrides,
): number => row - outColumns * pixel;

/**
 * Whether the pixels that a convolution reads follow one another over rows (and images): pointwise, unstrided, of a
 * dense map. What it writes may have gaps between rows that hold a tile (of three pixels at least), but then not
 * between images, too.
 */
export function isOneLine(shape: ConvShape): boolean {
  const { batch, outRows, outColumns, kernel, stride, input, output, residual } = shape;
  const pointwise = [...kernel, ...stride].every((size) => size === 1);
  const follow = ({ image, row, pixel }: MapStrides): boolean =>
    (outRows === 1 || row === outColumns * pixel) &&
    (batch === 1 || image === outRows * outColumns * pixel);
  const gapsFit = batch === 1 && outColumns > 2;
  return pointwise && follow(input) && (gapsFit || [output, residual ?? output].every(follow));
}
