/** Resize and Upsample. Scales, sizes and regions must be constant or follow from the graph's inputs. */
import type { AttrsInput, Dim } from '@decouple/ir';
import { numbersOf } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';

type Attrs = AttrsInput<'resize'>;

const modes: Readonly<Record<string, Attrs['mode']>> = {
  nearest: 'nearest',
  linear: 'linear',
  bilinear: 'linear',
  cubic: 'cubic',
};

/** The numbers of an input that must be constant; nothing when it is absent or empty. */
function numbersAt(call: Call, index: number, what: string): { list?: number[] } | string {
  if (!call.has(index)) return {};
  const value = call.constant(index);
  if (!value) return `${what} computed at run time`;
  return value.data.length ? { list: numbersOf(value) } : {};
}

interface Target {
  readonly scales?: number[];
  readonly sizes?: Dim[];
}

function scalesOf(call: Call): Target | string {
  if (call.opset < 9) {
    const list = call.attrs.floats('scales');
    const [height, width] = [
      call.attrs.float('height_scale', 1),
      call.attrs.float('width_scale', 1),
    ];
    return { scales: list ?? [1, 1, height, width] };
  }
  const found = numbersAt(call, call.opset < 11 ? 1 : 2, 'scales are');
  if (typeof found === 'string' || found.list)
    return typeof found === 'string' ? found : { scales: found.list as number[] };
  const sizes = call.contents(3);
  return sizes ? { sizes: [...sizes] } : 'sizes are computed at run time';
}

/** Axes that change: the others need no interpolation. */
function changed(
  call: Call,
  axes: readonly number[],
  { scales, sizes }: Target,
): Target & { axes: number[] } {
  const shape = call.typeOf(0)?.shape;
  const places = axes
    .map((_, place) => place)
    .filter((place) => {
      const size = shape?.[axes[place] as number];
      return scales ? scales[place] !== 1 : size === undefined || sizes?.[place] !== size;
    });
  const pick = <T>(list: readonly T[]): T[] => places.map((place) => list[place] as T);
  return {
    axes: pick(axes),
    ...(scales ? { scales: pick(scales) } : { sizes: pick(sizes ?? []) }),
  };
}

/** How operator sets before 11 rounded: towards zero, or up when shrinking. */
function oldNearest({ scales = [] }: Target): Attrs['nearest'] | undefined {
  const shrinks = scales.filter((scale) => scale < 1).length;
  if (shrinks === 0) return 'floor';
  return scales.every((scale) => scale <= 1) ? 'ceil' : undefined;
}

const interpolationOf = (call: Call): Attrs => {
  const { attrs } = call;
  return {
    axes: [],
    coordinates: attrs.text('coordinate_transformation_mode', 'half_pixel') as NonNullable<
      Attrs['coordinates']
    >,
    nearest: attrs.text('nearest_mode', 'round_prefer_floor') as NonNullable<Attrs['nearest']>,
    cubicA: attrs.float('cubic_coeff_a', -0.75),
    excludeOutside: attrs.integer('exclude_outside', 0) !== 0,
    antialias: attrs.integer('antialias', 0) !== 0,
    extrapolation: attrs.float('extrapolation_value', 0),
    keepAspectRatio: attrs.text('keep_aspect_ratio_policy', 'stretch') as NonNullable<
      Attrs['keepAspectRatio']
    >,
  };
};

const resize: Importer = (call) => {
  const x = [call.inputs[0] as string];
  const rank = call.typeOf(0)?.shape.length;
  const given = call.attrs.text('mode', 'nearest');
  const mode = modes[given];
  if (!mode) return `mode '${given}'`;
  const target = scalesOf(call);
  if (typeof target === 'string') return target;
  const all = Array.from(
    { length: rank ?? (target.scales ?? target.sizes ?? []).length },
    (_, axis) => axis,
  );
  const listed = call.attrs.integers('axes')?.map((axis) => (axis < 0 ? axis + all.length : axis));
  const axes = listed ?? all;
  if ((target.scales ?? target.sizes)?.length !== axes.length)
    return `${(target.scales ?? target.sizes)?.length} factors for ${axes.length} axes`;
  if (call.opset < 11) {
    const nearest = oldNearest(target);
    if (mode === 'nearest' && !nearest) return 'some axes grow and others shrink';
    return call.result('resize', x, {
      ...changed(call, axes, target),
      mode,
      coordinates: 'asymmetric',
      nearest: nearest ?? 'floor',
    });
  }
  const attrs = { ...interpolationOf(call), mode };
  const region = numbersAt(call, 1, 'the region is');
  if (attrs.coordinates === 'tf_crop_and_resize') {
    if (typeof region === 'string') return region;
    return call.result('resize', x, {
      ...attrs,
      ...target,
      axes,
      roi: region.list ?? null,
    });
  }
  // With one factor for all axes, even those that stay take part in choosing it.
  const kept =
    attrs.keepAspectRatio === 'stretch' ? changed(call, axes, target) : { ...target, axes };
  call.result('resize', x, { ...attrs, ...kept });
};

export const resizing: Readonly<Record<string, Importer>> = { Resize: resize, Upsample: resize };
