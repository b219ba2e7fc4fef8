/** Resize in the forms of the operator sets: Upsample to 9, Resize with all axes to 17, with some axes since. */
import type { Dim, NodeOf } from '@decouple/ir';
import { float32, UnsupportedError } from '@decouple/tensor';
import { writeSizes } from './sizes.ts';
import { needs } from './opsets.ts';
import type { AttributeValues, Writer } from './writer.ts';

type Node = NodeOf<'resize'>;

/** A list per resized axis as one for all axes of x. */
function forAll<T>(axes: readonly number[], values: readonly T[], rest: readonly T[]): T[] {
  return rest.map((absent, axis) => {
    const place = axes.findIndex((given) => (given < 0 ? given + rest.length : given) === axis);
    return place < 0 ? absent : (values[place] as T);
  });
}

/** Upsample, and Resize of operator set 10: factors alone, coordinates from the corner. */
function writeOld(node: Node, writer: Writer, rank: number): void {
  const { mode, coordinates, nearest, scales, axes } = node.attrs;
  const plain = coordinates === 'asymmetric' && mode !== 'cubic';
  const factors = scales?.every((scale) => scale >= 1);
  if (!plain || !scales || !factors || (mode === 'nearest' && nearest !== 'floor'))
    return needs(writer, 11, 'this form of resize');
  const list = forAll(axes, scales, new Array<number>(rank).fill(1));
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  if (writer.opset < 9) return writer.write('Upsample', [x], y, { mode, scales: { floats: list } });
  const input = writer.constant('scales', float32([rank], list));
  writer.write(writer.opset < 10 ? 'Upsample' : 'Resize', [x, input], y, { mode });
}

function attrsOf({ attrs }: Node): AttributeValues {
  const { mode, coordinates, nearest, cubicA, excludeOutside, extrapolation } = attrs;
  const cropped = coordinates === 'tf_crop_and_resize';
  return {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: mode === 'nearest' ? nearest : undefined,
    cubic_coeff_a: mode === 'cubic' ? { float: cubicA } : undefined,
    exclude_outside: excludeOutside ? 1 : undefined,
    extrapolation_value: cropped ? { float: extrapolation } : undefined,
    antialias: attrs.antialias ? 1 : undefined,
    keep_aspect_ratio_policy:
      attrs.keepAspectRatio === 'stretch' ? undefined : attrs.keepAspectRatio,
  };
}

export function writeResize(node: Node, writer: Writer): void {
  const { axes, sizes, scales, roi, antialias, keepAspectRatio, coordinates } = node.attrs;
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const shape = writer.graph.types.get(x)?.shape;
  if (!shape) throw new UnsupportedError('the shape of the input is unknown');
  if (axes.length === 0) return writer.write('Identity', [x], y);
  if (writer.opset < 11) return writeOld(node, writer, shape.length);
  if (antialias || keepAspectRatio !== 'stretch') needs(writer, 18, 'this form of resize');
  if (coordinates === 'half_pixel_symmetric') needs(writer, 19, `coordinates ${coordinates}`);
  const some = writer.opset >= 18;
  const spread = <T>(values: readonly T[], rest: readonly T[]): readonly T[] =>
    some ? values : forAll(axes, values, rest);
  const none = shape.map(() => 0);
  const empty = writer.opset < 13 ? writer.constant('empty', float32([0], [])) : '';
  const list = (role: string, values: readonly number[]): string =>
    writer.constant(role, float32([values.length], values));
  const region = roi && [
    ...spread(roi.slice(0, axes.length), none),
    ...spread(
      roi.slice(axes.length),
      shape.map(() => 1),
    ),
  ];
  const targets = scales
    ? [
        list(
          'scales',
          spread(
            scales,
            shape.map(() => 1),
          ),
        ),
      ]
    : [empty, writeSizes(writer, 'sizes', spread<Dim>(sizes ?? [], shape))];
  const attrs = { ...attrsOf(node), axes: some ? axes : undefined };
  writer.write('Resize', [x, region ? list('roi', region) : empty, ...targets], y, attrs);
}
