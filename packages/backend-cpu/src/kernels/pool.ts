/**
 * Max and average pooling. Along each axis a table gives, for every output place, the first input place that its
 * window meets and how many: padding, dilation and ceil mode are settled when compiling. Where all windows are whole
 * the counts are constants and the loops over a window are unrolled.
 */
import { windowTaps, type NodeOf, type WindowAxis } from '@decouple/ir';
import { advance, setScaled, storeLanes } from '../emit/simd.ts';
import type { Delegation, Emitter, KernelContext, KernelPlan, Pointer, Vector } from '../kernel.ts';
import { mapStrides, type MapStrides } from './conv-shape.ts';

interface Axis {
  /** Bytes from the image's (or row's) first element to the window's first, and taps inside, per output place. */
  readonly starts: readonly number[];
  readonly counts: readonly number[];
  /** What the axis contributes to the divisor of the mean. */
  readonly divisors: readonly number[];
  /** Bytes between taps. */
  readonly step: number;
}

interface PoolShape {
  readonly kind: 'max' | 'mean';
  readonly batch: number;
  readonly channels: number;
  readonly outRows: number;
  readonly outColumns: number;
  /** Taps of every window, where all are alike; else null: read from the table. */
  readonly rowTaps: number | null;
  readonly columnTaps: number | null;
  readonly rowStep: number;
  readonly columnStep: number;
  readonly input: MapStrides;
  readonly output: MapStrides;
}

interface AxisOptions extends WindowAxis {
  readonly includePad: boolean;
  /** Bytes between neighbours along the axis. */
  readonly bytes: number;
}

function axisOf(options: AxisOptions): Axis {
  const { includePad, bytes } = options;
  const windows = windowTaps(options);
  return {
    starts: windows.map(({ first, count }) => (count ? first * bytes : 0)),
    counts: windows.map(({ count }) => count),
    divisors: windows.map(({ count }) => (includePad ? options.kernel : count)),
    step: options.dilation * bytes,
  };
}

const allEqual = (values: readonly number[]): number | null =>
  values.every((value) => value === values[0]) ? (values[0] ?? null) : null;

/** Table rows of (start, count, divisor as the bits of 1 / divisor). */
function tableOf(context: KernelContext, axis: Axis): ReturnType<KernelContext['table']> {
  const bits = new Int32Array(new Float32Array(axis.divisors.map((divisor) => 1 / divisor)).buffer);
  return context.table(
    axis.starts.flatMap((start, place) => [
      start,
      axis.counts[place] as number,
      bits[place] as number,
    ]),
  );
}

const rowBytes = 12;

class PoolEmitter {
  private readonly f: Emitter;
  private readonly shape: PoolShape;
  private readonly accumulator: Vector;
  private readonly scale: Vector;
  private readonly x: Pointer;
  private readonly line: Pointer;
  private readonly rowEntry: Pointer;
  private readonly columnEntry: Pointer;
  private readonly counters: readonly [Pointer, Pointer];
  private readonly limits: readonly [Pointer, Pointer];

  constructor(f: Emitter, shape: PoolShape) {
    this.f = f;
    this.shape = shape;
    [this.accumulator, this.scale] = f.locals('v128', 2) as [Vector, Vector];
    [this.x, this.line, this.rowEntry, this.columnEntry] = f.locals('i32', 4) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    this.counters = f.locals('i32', 2) as [Pointer, Pointer];
    this.limits = f.locals('i32', 2) as [Pointer, Pointer];
  }

  private tap(offset: number): void {
    const { f, accumulator } = this;
    f.get(accumulator).get(this.x).mem('v128.load', offset);
    f.op(this.shape.kind === 'max' ? 'f32x4.max' : 'f32x4.add').set(accumulator);
  }

  private windowRow(): void {
    const { f, shape } = this;
    f.get(this.line).set(this.x);
    if (shape.columnTaps !== null && shape.columnTaps <= 8) {
      for (let tap = 0; tap < shape.columnTaps; tap++) this.tap(tap * shape.columnStep);
      return;
    }
    f.forRange(this.counters[1], 0, this.limits[1], 1, () => {
      this.tap(0);
      f.increment(this.x, shape.columnStep);
    });
  }

  /** One vector of channels of one window; `line` is at its first element. */
  private window(output: Pointer, lanes: number): void {
    const { f, shape } = this;
    f.f32x4(shape.kind === 'max' ? -Infinity : 0).set(this.accumulator);
    f.forRange(this.counters[0], 0, shape.rowTaps ?? this.limits[0], 1, () => {
      this.windowRow();
      f.increment(this.line, shape.rowStep);
    });
    if (shape.kind === 'mean')
      f.get(this.accumulator).get(this.scale).op('f32x4.mul').set(this.accumulator);
    storeLanes(f, output, 0, this.accumulator, lanes);
  }

  private pixel(row: Pointer, output: Pointer): void {
    const { f, shape } = this;
    const [start, vector] = f.locals('i32', 2) as [Pointer, Pointer];
    f.get(row).get(this.columnEntry).mem('i32.load').op('i32.add').set(start);
    f.get(this.columnEntry).mem('i32.load', 4).set(this.limits[1]);
    f.get(this.columnEntry).mem('v128.load32_splat', 8);
    f.get(this.rowEntry).mem('v128.load32_splat', 8).op('f32x4.mul').set(this.scale);
    f.forRange(vector, 0, Math.floor(shape.channels / 4), 1, () => {
      f.get(start).set(this.line);
      this.window(output, 4);
      advance(f, [
        [start, 16],
        [output, 16],
      ]);
    });
    if (shape.channels % 4) {
      f.get(start).set(this.line);
      this.window(output, shape.channels % 4);
    }
    f.increment(output, shape.output.pixel - 16 * Math.floor(shape.channels / 4));
  }

  emit([input, output, rows, columns, from, to]: readonly [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ]): void {
    const { f, shape } = this;
    const [row, image, inImage, rowInput, rowOutput] = f.locals('i32', 5) as [
      Pointer,
      Pointer,
      Pointer,
      Pointer,
      Pointer,
    ];
    f.forRange(row, from, to, 1, () => {
      f.get(row).i32(shape.outRows).op('i32.div_u').set(image);
      f.get(row).i32(shape.outRows).op('i32.rem_u').set(inImage);
      setScaled(f, this.rowEntry, rows, inImage, rowBytes);
      setScaled(f, rowInput, input, image, shape.input.image);
      f.get(rowInput).get(this.rowEntry).mem('i32.load').op('i32.add').set(rowInput);
      f.get(this.rowEntry).mem('i32.load', 4).set(this.limits[0]);
      setScaled(f, rowOutput, output, image, shape.output.image);
      setScaled(f, rowOutput, rowOutput, inImage, shape.output.row);
      f.get(columns).set(this.columnEntry);
      f.forRange(f.local('i32'), 0, shape.outColumns, 1, () => {
        this.pixel(rowInput, rowOutput);
        f.increment(this.columnEntry, rowBytes);
      });
    });
  }
}

function planPool(
  node: NodeOf<'max-pool'> | NodeOf<'average-pool'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const [x, y] = [context.view(node.inputs[0] ?? ''), context.view(node.outputs[0] ?? '')];
  if (!x || !y) return { delegate: 'the input is not float32' };
  const { kernel, stride, pads, dilation } = node.attrs;
  const includePad = 'countIncludePad' in node.attrs && node.attrs.countIncludePad;
  const [input, output] = [mapStrides(x), mapStrides(y)];
  const axes = ([0, 1] as const).map((axis) =>
    axisOf({
      size: x.shape[2 + axis] as number,
      out: y.shape[2 + axis] as number,
      kernel: kernel[axis],
      stride: stride[axis],
      before: pads[axis],
      dilation: dilation[axis],
      includePad,
      bytes: axis === 0 ? input.row : input.pixel,
    }),
  ) as [Axis, Axis];
  if (axes.some(({ counts }) => counts.includes(0)))
    return { delegate: 'a window lies in the padding' };
  const shape: PoolShape = {
    kind: node.op === 'max-pool' ? 'max' : 'mean',
    batch: y.shape[0] as number,
    channels: y.shape[1] as number,
    outRows: y.shape[2] as number,
    outColumns: y.shape[3] as number,
    rowTaps: allEqual(axes[0].counts),
    columnTaps: allEqual(axes[1].counts),
    rowStep: axes[0].step,
    columnStep: axes[1].step,
    input,
    output,
  };
  const name = context.function('pool', shape, 6, (f, args) =>
    new PoolEmitter(f, shape).emit(args as [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer]),
  );
  const tables = axes.map((axis) => tableOf(context, axis));
  return {
    kernel: `${shape.kind} pool`,
    calls: [
      {
        function: name,
        args: [x.address, y.address, ...tables],
        range: [0, shape.batch * shape.outRows],
      },
    ],
  };
}

export const maxPool = (
  node: NodeOf<'max-pool'>,
  context: KernelContext,
): KernelPlan | Delegation => planPool(node, context);
export const averagePool = (
  node: NodeOf<'average-pool'>,
  context: KernelContext,
): KernelPlan | Delegation => planPool(node, context);
