/**
 * Where values live. Feature maps (rank 4) are stored NHWC without padding of channels, all other ranks row-major.
 * A map that padded convolutions read has a halo of zeros around each image, wide enough for all its readers, and
 * its producer writes into the interior: kernels then never test for borders.
 *
 * A storage is a stretch of the arena with a lifetime; a view is a value's place in it: an element's float index
 * is offset + Σ index[axis] · strides[axis], axes in the order of the value's (NCHW) shape. Views that only
 * rename a dense value (reshape, flatten, identity, …) share its storage.
 */
import { staticShape, type Graph, type Node } from '@decouple/ir';
import { sizeOf, stridesOf, type Tensor } from '@decouple/tensor';
import type { KernelChoices } from './choice.ts';
import { haloDemand, noHalo, type Halo } from './halo.ts';

/** A place in memory, known once all buffers are placed. Offsets in bytes. */
export interface Address {
  readonly space: 'arena' | 'weights';
  readonly buffer: number;
  readonly offset: number;
}

export interface View {
  readonly shape: readonly number[];
  /** In floats, per axis of `shape`. */
  readonly strides: readonly number[];
  /** Of the element at index 0. */
  readonly address: Address;
}

export interface Storage {
  readonly floats: number;
  readonly halo: Halo;
  /** The value it was made for. */
  readonly shape: readonly number[];
  /** Lifetime in steps: 0 is input, nodes run from 1 on, results are read at step nodes + 1. */
  readonly from: number;
  to: number;
  /** A storage whose space may be taken over. */
  inPlaceOf?: number;
}

export interface Layout {
  readonly storages: readonly Storage[];
  /** Float32 values in the arena; all other values are tensors of the host. */
  readonly views: ReadonlyMap<string, View>;
}

/** Strides of a dense value: NHWC order for rank 4, row-major otherwise. */
export function denseStrides(shape: readonly number[]): number[] {
  if (shape.length !== 4) return stridesOf(shape);
  const [, channels, rows, columns] = shape as [number, number, number, number];
  return [channels * rows * columns, 1, columns * channels, channels];
}

export const isDense = (view: View): boolean => {
  const dense = denseStrides(view.shape);
  return view.strides.every((stride, axis) => stride === dense[axis] || view.shape[axis] === 1);
};

/** Whether the elements of a dense value of this shape stand in row-major (NCHW) order. */
export const isRowMajor = (shape: readonly number[]): boolean =>
  shape.length !== 4 || shape[1] === 1 || (shape[2] === 1 && shape[3] === 1);

/** The address `floats` elements after a view's first. */
export const addressAt = (view: View, floats = 0): Address => ({
  ...view.address,
  offset: view.address.offset + 4 * floats,
});

function storageView(
  shape: readonly number[],
  halo: Halo,
  buffer: number,
): { view: View; floats: number } {
  const [top, left, bottom, right] = halo;
  if (shape.length !== 4) {
    const view = {
      shape,
      strides: stridesOf(shape),
      address: { space: 'arena' as const, buffer, offset: 0 },
    };
    return { view, floats: sizeOf(shape) };
  }
  const [batch, channels, rows, columns] = shape as [number, number, number, number];
  const row = (columns + left + right) * channels;
  const image = (rows + top + bottom) * row;
  const offset = 4 * (top * row + left * channels);
  return {
    view: {
      shape,
      strides: [image, 1, row, channels],
      address: { space: 'arena', buffer, offset },
    },
    floats: batch * image,
  };
}

const renaming = new Set(['reshape', 'flatten', 'squeeze', 'unsqueeze', 'identity', 'dropout']);

/** Element-wise ops that may write over their first input. */
const overwriting = new Set([
  'relu',
  'leaky-relu',
  'clip',
  'sigmoid',
  'tanh',
  'hard-sigmoid',
  'hard-swish',
  'exp',
  'sqrt',
  'abs',
  'floor',
  'ceil',
  'round',
  'elu',
  'selu',
  'softplus',
  'erf',
  'log',
  'batch-normalization',
  'add',
  'sub',
  'mul',
  'div',
]);

/** Values that a node's result may overwrite, best first: convolutions may write over their residual. */
function overwritable(node: Node): readonly string[] {
  if (node.op === 'conv2d' || node.op === 'linear') return node.inputs.slice(3);
  return overwriting.has(node.op) ? node.inputs.slice(0, 2) : [];
}

const sameStrides = (a: View, b: View): boolean =>
  a.address.offset === b.address.offset &&
  a.shape.length === b.shape.length &&
  a.shape.every((dim, axis) => dim === b.shape[axis] && a.strides[axis] === b.strides[axis]);

class LayoutPlanner {
  readonly storages: Storage[] = [];
  readonly views = new Map<string, View>();
  private readonly graph: Graph;
  private readonly known: ReadonlyMap<string, Tensor>;
  private readonly steps: readonly number[];
  private readonly demands: ReadonlyMap<string, Halo>;

  constructor(graph: Graph, known: ReadonlyMap<string, Tensor>, options: LayoutOptions) {
    const { choices = new Map(), steps = graph.nodes.map((_, index) => index + 1) } = options;
    this.graph = graph;
    this.steps = steps;
    this.known = known;
    this.demands = haloDemand(graph, known, choices);
  }

  /** The shape of a value kept in the arena, or `undefined` for one of the host. */
  private arenaShape(value: string): number[] | undefined {
    const type = this.graph.types.get(value);
    if (!type || type.dtype !== 'float32' || this.known.has(value)) return undefined;
    return staticShape(type);
  }

  private create(value: string, step: number): void {
    const shape = this.arenaShape(value);
    if (!shape) return;
    const halo = this.demands.get(value) ?? noHalo;
    const { view, floats } = storageView(shape, halo, this.storages.length);
    this.storages.push({ floats, halo, shape, from: step, to: step });
    this.views.set(value, view);
  }

  private touch(value: string, step: number): void {
    const view = this.views.get(value);
    const storage = view && this.storages[view.address.buffer];
    if (storage) storage.to = Math.max(storage.to, step);
  }

  /** Shares the input's storage with a renamed value where the order of elements allows. */
  private alias(node: Node): boolean {
    const [input, output] = [node.inputs[0] ?? '', node.outputs[0] ?? ''];
    const [source, shape] = [this.views.get(input), this.arenaShape(output)];
    if (!renaming.has(node.op) || !source || !shape || this.demands.has(output)) return false;
    const same =
      shape.length === source.shape.length && shape.every((d, i) => d === source.shape[i]);
    if (same) {
      this.views.set(output, source);
      return true;
    }
    if (!isDense(source) || !isRowMajor(source.shape) || !isRowMajor(shape)) return false;
    this.views.set(output, { shape, strides: denseStrides(shape), address: source.address });
    return true;
  }

  private takeOver(node: Node, lastUse: ReadonlyMap<number, number>, step: number): void {
    const view = this.views.get(node.outputs[0] ?? '');
    const storage = view && this.storages[view.address.buffer];
    if (!view || !storage) return;
    const isFree = (name: string): boolean => {
      const other = this.views.get(name);
      if (!other || !sameStrides(view, other)) return false;
      if (lastUse.get(other.address.buffer) !== step) return false;
      // What else the node reads must not lie there in another order: it would be overwritten too early.
      return node.inputs.every((input, place) => {
        const read = this.views.get(input);
        if (read?.address.buffer !== other.address.buffer) return true;
        return overwriting.has(node.op) ? sameStrides(view, read) : place === 3;
      });
    };
    const free = overwritable(node).find(isFree);
    const buffer = free === undefined ? undefined : this.views.get(free)?.address.buffer;
    if (buffer !== undefined) storage.inPlaceOf = buffer;
  }

  plan(): Layout {
    const { graph } = this;
    const end = graph.nodes.length + 1;
    for (const input of graph.inputs) this.create(input.name, 0);
    graph.nodes.forEach((node, index) => {
      const step = this.steps[index] as number;
      for (const input of node.inputs) this.touch(input, step);
      if (!this.alias(node)) for (const output of node.outputs) this.create(output, step);
    });
    for (const output of graph.outputs) this.touch(output, end);
    const lastUse = new Map(this.storages.map((storage, index) => [index, storage.to]));
    graph.nodes.forEach((node, index) => {
      const step = this.steps[index] as number;
      const alone = this.steps.indexOf(step) === this.steps.lastIndexOf(step);
      if (alone) this.takeOver(node, lastUse, step);
    });
    return { storages: this.storages, views: this.views };
  }
}

export interface LayoutOptions {
  readonly choices?: KernelChoices;
  /** The step of each node, if not one after the other from 1. Nodes of one step overwrite nothing. */
  readonly steps?: readonly number[];
}

/** @param known values that are constant: they take no place in the arena. */
export const planLayout = (
  graph: Graph,
  known: ReadonlyMap<string, Tensor>,
  options: LayoutOptions = {},
): Layout => new LayoutPlanner(graph, known, options).plan();
