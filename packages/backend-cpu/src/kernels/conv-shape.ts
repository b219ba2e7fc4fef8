/** What convolution kernels are generated from: sizes and byte strides of one grouped convolution. */
import type { Activation } from '@decouple/ir';
import type { View } from '../layout.ts';

/** Byte strides of a feature map; channels are contiguous. */
export interface MapStrides {
  readonly image: number;
  readonly row: number;
  readonly pixel: number;
}

export interface ConvShape {
  readonly batch: number;
  readonly outRows: number;
  readonly outColumns: number;
  readonly groups: number;
  /** Per group. */
  readonly channels: number;
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly input: MapStrides;
  readonly output: MapStrides;
  /** Absent without a residual. */
  readonly residual: MapStrides | null;
  readonly activation: Activation;
}

/** Byte strides of a rank-4 view. */
export function mapStrides(view: View): MapStrides {
  const [image, , row, pixel] = view.strides as [number, number, number, number];
  return { image: 4 * image, row: 4 * row, pixel: 4 * pixel };
}

/** A pointwise, unstrided convolution of dense maps is one long row of pixels. */
export function flattenPixels(shape: ConvShape): ConvShape {
  const { batch, outRows, outColumns, kernel, stride, input, output, residual } = shape;
  const pointwise = [...kernel, ...stride].every((size) => size === 1);
  const dense = [input, output, residual ?? output].every(
    ({ image, row, pixel }) =>
      (outRows === 1 || row === outColumns * pixel) &&
      (batch === 1 || image === outRows * outColumns * pixel),
  );
  if (!pointwise || !dense) return shape;
  return { ...shape, batch: 1, outRows: 1, outColumns: batch * outRows * outColumns };
}
