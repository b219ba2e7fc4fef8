/**
 * Bounds checks of a FlatBuffer before its accessors, which trust every offset, touch it (the C++ library has this as
 * `flatbuffers::Verifier`). A table is described by its fields in the order of the schema. Offsets may point anywhere,
 * also many of them to one place: what is visited is counted, and a buffer can't make it more than its own size.
 */
import { ModelError } from '@decouple/tensor';

export type Field =
  | { readonly kind: 'scalar'; readonly bytes: 4 | 8 }
  | { readonly kind: 'string' }
  | { readonly kind: 'strings' }
  | { readonly kind: 'tables'; readonly fields: Fields };
/** Fields by name, in the order of the schema. */
export type Fields = Readonly<Record<string, Field>>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class Verifier {
  private readonly view: DataView;
  private readonly size: number;
  private visited = 0;

  /** @param size bytes that belong to the FlatBuffer; what follows is not looked at. */
  constructor(bytes: Uint8Array, size: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, size);
    this.size = size;
  }

  /** Checks the root table with all that it reaches. @throws ModelError naming the field. */
  root(fields: Fields, name: string): void {
    this.table(this.target(0, name), fields, name);
  }

  private require(condition: boolean, where: string, what: string): void {
    if (!condition) throw new ModelError(`${where}: ${what}`);
  }

  /** Counts what is there once, and refuses to be sent there again and again. */
  private visit(bytes: number, where: string): void {
    this.visited += bytes;
    this.require(this.visited <= this.size, where, 'parts of the file overlap');
  }

  private inside(at: number, bytes: number, align: number, where: string): void {
    const fits = at >= 0 && at + bytes <= this.size && at % align === 0;
    this.require(fits, where, `an offset leads to byte ${at} of ${this.size}`);
  }

  /** Where the unsigned offset at `at` leads. */
  private target(at: number, where: string): number {
    this.inside(at, 4, 4, where);
    const target = at + this.view.getUint32(at, true);
    this.inside(target, 4, 4, where);
    return target;
  }

  private table(at: number, fields: Fields, where: string): void {
    this.inside(at, 4, 4, where);
    const layout = at - this.view.getInt32(at, true);
    this.inside(layout, 4, 2, where);
    const layoutBytes = this.view.getUint16(layout, true);
    const tableBytes = this.view.getUint16(layout + 2, true);
    this.require(layoutBytes >= 4 && layoutBytes % 2 === 0, where, 'has a broken table');
    this.inside(layout, layoutBytes, 2, where);
    this.require(tableBytes >= 4, where, 'has a broken table');
    this.inside(at, tableBytes, 4, where);
    this.visit(tableBytes, where);
    Object.entries(fields).forEach(([name, field], index) => {
      const entry = 4 + 2 * index;
      const offset = entry < layoutBytes ? this.view.getUint16(layout + entry, true) : 0;
      const place = `${where}.${name}`;
      if (offset === 0) return this.require(field.kind === 'scalar', place, 'is missing');
      const bytes = field.kind === 'scalar' ? field.bytes : 4;
      this.require(offset >= 4 && offset + bytes <= tableBytes, place, 'lies outside its table');
      this.field(at + offset, field, place);
    });
  }

  private field(at: number, field: Field, where: string): void {
    switch (field.kind) {
      case 'scalar':
        return this.inside(at, field.bytes, field.bytes, where);
      case 'string':
        return this.string(this.target(at, where), where);
      case 'strings':
        return this.vector(at, where, (element, place) =>
          this.string(this.target(element, place), place),
        );
      case 'tables':
        return this.vector(at, where, (element, place) =>
          this.table(this.target(element, place), field.fields, place),
        );
    }
  }

  private vector(at: number, where: string, check: (at: number, where: string) => void): void {
    const start = this.target(at, where);
    const length = this.view.getUint32(start, true);
    this.inside(start, 4 + 4 * length, 4, where);
    this.visit(4 + 4 * length, where);
    for (let index = 0; index < length; index++) check(start + 4 + 4 * index, `${where}[${index}]`);
  }

  private string(at: number, where: string): void {
    const length = this.view.getUint32(at, true);
    this.inside(at, 4 + length + 1, 4, where);
    this.visit(4 + length, where);
    try {
      utf8.decode(new Uint8Array(this.view.buffer, this.view.byteOffset + at + 4, length));
    } catch {
      throw new ModelError(`${where}: is not UTF-8`);
    }
  }
}
