/**
 * Writes the source of one kernel: JavaScript of the small kind that gpu.js translates. Each thread makes one texel of the
 * result. Indices are whole numbers in floats or integers, as gpu.js sees fit; quotients are taken of values below 2²².
 */
import { invariant } from '@decouple/tensor';
import type { Lanes, Storage } from './storage.ts';

/** What kernels are written for. */
export interface Target {
  /** Lanes of the texels of values and constants. */
  readonly lanes: Lanes;
  /** Whether GLSL of our own fetches texels and divides whole numbers (WebGL 2), or code that gpu.js makes. */
  readonly native: boolean;
}

/** A constant in texels, e.g. packed weights. */
export interface Table {
  readonly width: number;
  readonly height: number;
  readonly texels: Float32Array;
}

/** A kernel and what it reads: arguments `a0`, `a1`, … and constants `w0`, `w1`, …. */
export interface Launch {
  readonly source: string;
  readonly inputs: readonly string[];
  readonly tables: readonly Table[];
  readonly output: string;
  /** Values made beside `output`, of the same storage: textures drawn to at once. */
  readonly others: readonly string[];
  readonly storage: Storage;
}

/** All values that a launch makes. */
export const outputsOf = ({ output, others }: Launch): string[] => [output, ...others];

/**
 * An index along one axis: a text for all lanes alike, the thread's own channel moved by an offset, or a text for each
 * lane.
 */
export type Coordinate = string | { readonly offset: number } | ((lane: number) => string);

/** A number as gpu.js reads it. */
export const literal = (value: number): string => (value < 0 ? `(${value})` : `${value}`);

/** The number that a text is, if it is one. */
export const numberIn = (text: string): number | undefined =>
  /^(\d+|\(-\d+\))$/.test(text) ? Number(text.replace(/[()]/g, '')) : undefined;

/** Σ index · factor as text. What is known is added up here: gpu.js takes sums of literals for floats. */
export function sum(...terms: readonly (readonly [index: string, factor: number])[]): string {
  let known = 0;
  const texts: string[] = [];
  for (const [index, factor] of terms) {
    const value = numberIn(index);
    if (value !== undefined) known += value * factor;
    else if (factor !== 0) texts.push(factor === 1 ? index : `${index} * ${literal(factor)}`);
  }
  if (!texts.length) return literal(known);
  if (known) texts.push(literal(known));
  const [only] = texts as [string];
  return texts.length === 1 && /^[\w.]+$/.test(only) ? only : `(${texts.join(' + ')})`;
}

export const range = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index);

export class Writer {
  readonly target: Target;
  readonly storage: Storage;
  private readonly output: string;
  private readonly storages: (value: string) => Storage;
  private readonly inputs: string[] = [];
  private readonly tables: Table[] = [];
  private readonly lines: string[] = [];
  private names = 0;
  /** Index of the thread's texel along each axis; for the axis of lanes that of the block. */
  readonly position: readonly string[];
  readonly block: string;

  /** @param storages of values that the kernel may read. */
  constructor(
    target: Target,
    output: string,
    storage: Storage,
    storages: (value: string) => Storage,
  ) {
    this.target = target;
    this.output = output;
    this.storage = storage;
    this.storages = storages;
    const { position, block } = this.locate();
    this.position = position;
    this.block = block;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  /** Names the value of an expression. */
  let(expression: string): string {
    if (/^[\w.]+$/.test(expression) || numberIn(expression) !== undefined) return expression;
    const name = `v${this.names++}`;
    this.line(`const ${name} = ${expression};`);
    return name;
  }

  variable(initial: string): string {
    const name = `v${this.names++}`;
    this.line(`let ${name} = ${initial};`);
    return name;
  }

  /** `head { … }` */
  within(head: string, body: () => void): void {
    this.line(`${head} {`);
    body();
    this.line('}');
  }

  /** `for` over 0 … count - 1; a count of 1 is no loop. */
  loop(count: number, body: (index: string) => void): void {
    if (count === 1) {
      body('0');
      return;
    }
    const name = `i${this.names++}`;
    this.within(`for (let ${name} = 0; ${name} < ${count}; ${name}++)`, () => body(name));
  }

  /** ⌊index / divisor⌋ */
  quotient(index: string, divisor: number): string {
    if (divisor === 1) return index;
    const known = numberIn(index);
    if (known !== undefined) return `${Math.floor(known / divisor)}`;
    return this.let(
      this.target.native
        ? `quotient(${index}, ${divisor})`
        : `Math.floor((${index} + 0.5) / ${divisor})`,
    );
  }

  /** Splits an index into those of axes of these sizes, the last varying fastest. */
  split(index: string, sizes: readonly number[]): string[] {
    const parts = sizes.map(() => '0');
    let rest = index;
    let left = sizes.reduce((product, size) => product * size, 1);
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      const size = sizes[axis] as number;
      if (size === 1) continue;
      if (size === left) {
        parts[axis] = rest;
        break;
      }
      const quotient = this.quotient(rest, size);
      parts[axis] = this.let(sum([rest, 1], [quotient, -size]));
      rest = quotient;
      left /= size;
    }
    return parts;
  }

  private locate(): { readonly position: string[]; readonly block: string } {
    const { shape, laneAxis, blocks, folded, rowStrides, columnStrides, width } = this.storage;
    const outer = shape.map((_, axis) => axis).filter((axis) => axis !== laneAxis);
    const position = shape.map(() => '0');
    const assign = (axes: readonly number[], parts: readonly string[]): void =>
      axes.forEach((axis, place) => (position[axis] = parts[place] as string));
    const sizes = (axes: readonly number[]): number[] => axes.map((axis) => shape[axis] as number);
    let block: string;
    if (folded) {
      const rows = this.split('this.thread.y', [...sizes(outer), Math.ceil(blocks / width)]);
      assign(outer, rows);
      block = this.let(sum([rows.at(-1) as string, width], ['this.thread.x', 1]));
    } else {
      const down = outer.filter((axis) => (rowStrides[axis] as number) > 0);
      const right = outer.filter((axis) => (columnStrides[axis] as number) > 0);
      assign(down, this.split('this.thread.y', sizes(down)));
      const columns = this.split('this.thread.x', [...sizes(right), blocks]);
      assign(right, columns);
      block = columns.at(-1) as string;
    }
    position[laneAxis] = block;
    return { position, block };
  }

  /** The thread's channel in a lane. */
  channel(lane: number, offset = 0): string {
    return sum([this.block, this.storage.lanes], [literal(lane + offset), 1]);
  }

  /** The thread's own place in the result, as coordinates. */
  own(): Coordinate[] {
    return this.position.map((index, axis) =>
      axis === this.storage.laneAxis ? { offset: 0 } : index,
    );
  }

  storageOf(value: string): Storage {
    return this.storages(value);
  }

  private argument(value: string): { readonly name: string; readonly storage: Storage } {
    let index = this.inputs.indexOf(value);
    if (index < 0) index = this.inputs.push(value) - 1;
    return { name: `a${index}`, storage: this.storages(value) };
  }

  private fetch(name: string, native: boolean, row: string, column: string): string {
    if (native) return `texel_${name}(${row}, ${column})`;
    return `${name.startsWith('w') ? 'this.constants.' : ''}${name}[${row}][${column}]`;
  }

  /** Rows and columns are those of the texture unless there is one row, which gpu.js may fold, or floats are packed. */
  private isNative(height: number, lanes: Lanes): boolean {
    return this.target.native && height > 1 && lanes === 4;
  }

  /** The texel of a value at these indices of its axes, and this block of channels. */
  texelAt(value: string, indices: readonly string[], block: string): string {
    const { name, storage } = this.argument(value);
    const { laneAxis, rowStrides, columnStrides, folded, width, height } = storage;
    const native = this.isNative(height, storage.lanes);
    const strided = (strides: readonly number[]): string =>
      sum(
        ...indices.flatMap((index, axis): [string, number][] =>
          axis === laneAxis ? [] : [[index, strides[axis] as number]],
        ),
      );
    if (folded) {
      const fold = this.quotient(block, width);
      const row = sum([strided(rowStrides), 1], [fold, 1]);
      return this.fetch(name, native, row, sum([block, 1], [fold, -width]));
    }
    const column = sum([strided(columnStrides), 1], [block, 1]);
    return this.fetch(name, native, strided(rowStrides), column);
  }

  /** Whether GLSL of our own fetches the texels of a value. */
  fetchesNatively(value: string): boolean {
    const { height, lanes, folded } = this.storages(value);
    return this.isNative(height, lanes) && !folded;
  }

  /** Like `texelAt`, but zeros where an index is not within 0 … size - 1. Only for values fetched natively. */
  texelWithin(
    value: string,
    indices: readonly string[],
    block: string,
    [index, size]: readonly [index: string, size: number],
  ): string {
    return this.texelAt(value, indices, block)
      .replace('texel_', 'texelWithin_')
      .replace(/\)$/, `, ${index}, ${size})`);
  }

  /** A constant that kernels read by row and column. */
  table(table: Table): (row: string, column: string) => string {
    const name = `w${this.tables.push(table) - 1}`;
    const native = this.isNative(table.height, this.target.lanes);
    return (row, column) => this.fetch(name, native, row, column);
  }

  /** The lanes of a texel as expressions. */
  lanesOf(texel: string, lanes: Lanes = this.target.lanes): string[] {
    const name = this.let(texel);
    return lanes === 1 ? [name] : range(4).map((lane) => `${name}[${lane}]`);
  }

  /** One of four expressions by an index from 0 to 3. */
  pick(lanes: readonly string[], index: string): string {
    if (lanes.length === 1) return lanes[0] as string;
    const known = numberIn(index);
    if (known !== undefined) return lanes[known] as string;
    const [a, b, c, d] = lanes;
    return `(${index} < 1 ? ${a} : (${index} < 2 ? ${b} : (${index} < 3 ? ${c} : ${d})))`;
  }

  /** One element of a value. */
  element(value: string, indices: readonly string[]): string {
    const { laneAxis, lanes } = this.storages(value);
    const channel = this.let(indices[laneAxis] as string);
    const block = this.quotient(channel, lanes);
    const lane = lanes === 1 ? '0' : this.let(sum([channel, 1], [block, -lanes]));
    return this.pick(this.lanesOf(this.texelAt(value, indices, block), lanes), lane);
  }

  /** For each lane of the thread, the element of a value at these coordinates. */
  read(value: string, coordinates: readonly Coordinate[]): string[] {
    const { lanes } = this.storage;
    const { laneAxis, lanes: given } = this.storages(value);
    const textOf = (lane: number): string[] =>
      coordinates.map((coordinate) => {
        if (typeof coordinate === 'string') return coordinate;
        return typeof coordinate === 'function'
          ? coordinate(lane)
          : this.channel(lane, coordinate.offset);
      });
    const along = coordinates[laneAxis];
    const moves = (axis: number): boolean => typeof coordinates[axis] !== 'string';
    const others = coordinates.some((_, axis) => axis !== laneAxis && moves(axis));
    if (typeof along === 'object' && along.offset % lanes === 0 && !others && given === lanes) {
      const block = sum([this.block, 1], [literal(along.offset / lanes), 1]);
      return this.lanesOf(this.texelAt(value, textOf(0), this.let(block)), lanes);
    }
    if (!others && typeof along === 'string') {
      const element = this.let(this.element(value, textOf(0)));
      return range(lanes).map(() => element);
    }
    return range(lanes).map((lane) => this.let(this.element(value, textOf(lane))));
  }

  /** Lanes of a result: zeros beyond the last channel. */
  private lanesInside(lanes: readonly string[]): string[] {
    const channels = this.storage.shape[this.storage.laneAxis] as number;
    const inside = lanes.map((value, lane) =>
      channels % lanes.length === 0 || lane === 0
        ? value
        : `(${this.channel(lane)} < ${channels} ? ${value} : 0)`,
    );
    invariant(inside.length === this.storage.lanes, `${inside.length} lanes`);
    return inside;
  }

  /**
   * The kernel that gives these lanes.
   * @param others values made beside the output, of its shape, by lanes of their own
   */
  launch(
    lanes: readonly string[],
    others: readonly (readonly [value: string, lanes: readonly string[]])[] = [],
  ): Launch {
    others.forEach(([, own], index) =>
      this.line(`beside${index}(${this.lanesInside(own).join(', ')});`),
    );
    const inside = this.lanesInside(lanes);
    const result = inside.length === 1 ? inside[0] : `[${inside.join(', ')}]`;
    const parameters = this.inputs.map((_, index) => `a${index}`).join(', ');
    return {
      source: `function (${parameters}) {\n${this.lines.join('\n')}\nreturn ${result};\n}`,
      inputs: this.inputs,
      tables: this.tables,
      output: this.output,
      others: others.map(([value]) => value),
      storage: this.storage,
    };
  }
}
