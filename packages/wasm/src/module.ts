/**
 * Assembles functions into a WebAssembly module with at most one memory, imported or its own.
 * Sections are written in the order the format demands: types, imports, functions, memory, exports,
 * code, data. Equal signatures share one type entry.
 */
import { ByteWriter } from './bytes.ts';
import { FunctionBuilder, type FunctionOptions } from './function.ts';
import { AssemblerError, typeCodes, type Signature, type ValueType } from './types.ts';

/** Bytes of a page, the unit of a memory's size. */
export const pageBytes = 65536;

export interface MemoryOptions {
  /** Initial size in pages of 64 KiB. */
  readonly pages: number;
  /** Largest size in pages; required if shared. */
  readonly maxPages?: number;
  readonly shared?: boolean;
  /** Import the memory under this module and field name, instead of owning one. */
  readonly import?: readonly [module: string, field: string];
  /** Export the memory under this name. */
  readonly export?: string;
}

export interface ModuleFunctionOptions<P extends readonly ValueType[]> extends FunctionOptions<P> {
  /** Export name; `true` takes the function's name. */
  readonly export?: string | boolean;
}

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const sectionIds = { type: 1, import: 2, function: 3, memory: 5, export: 7, code: 10, data: 11 };
const exportKinds = { function: 0, memory: 2 } as const;

interface Export {
  readonly name: string;
  readonly kind: keyof typeof exportKinds;
  readonly index: number;
}

export class ModuleBuilder {
  private readonly memory: MemoryOptions | undefined;
  private readonly functions: FunctionBuilder[] = [];
  private readonly exports: Export[] = [];
  private readonly segments: { offset: number; bytes: Uint8Array }[] = [];

  constructor(options: { readonly memory?: MemoryOptions } = {}) {
    this.memory = options.memory;
    if (this.memory?.shared && this.memory.maxPages === undefined)
      throw new AssemblerError('wasm module: a shared memory needs maxPages');
    if (this.memory?.export !== undefined) this.addExport(this.memory.export, 'memory', 0);
  }

  /** Adds a function; its body is emitted through the builder returned. */
  function<const P extends readonly ValueType[] = readonly []>(
    name: string,
    options: ModuleFunctionOptions<P> = {},
  ): FunctionBuilder<P> {
    const builder = new FunctionBuilder<P>(name, this.functions.length, options);
    this.functions.push(builder);
    const exported = options.export === true ? name : options.export;
    if (typeof exported === 'string') this.addExport(exported, 'function', builder.index);
    return builder;
  }

  /** Bytes copied to `offset` of the memory when the module is instantiated. */
  data(offset: number, bytes: Uint8Array): this {
    this.segments.push({ offset, bytes });
    return this;
  }

  /** The finished binary. */
  encode(): Uint8Array<ArrayBuffer> {
    const types = new TypeTable();
    const typeIndices = this.functions.map((entry) => types.indexOf(entry));
    const out = new ByteWriter(4096);
    out.bytes(header);
    section(out, sectionIds.type, types.entries, (body, entry) => body.bytes(entry));
    section(out, sectionIds.import, this.memory?.import ? [this.memory] : [], writeMemoryImport);
    section(out, sectionIds.function, typeIndices, (body, index) => body.u32(index));
    const own = this.memory && !this.memory.import ? [this.memory] : [];
    section(out, sectionIds.memory, own, writeLimits);
    section(out, sectionIds.export, this.exports, writeExport);
    section(out, sectionIds.code, this.functions, (body, entry) => body.vector(entry.encode()));
    section(out, sectionIds.data, this.segments, writeSegment);
    return out.view();
  }

  private addExport(name: string, kind: Export['kind'], index: number): void {
    if (this.exports.some((entry) => entry.name === name))
      throw new AssemblerError(`wasm module: two exports named "${name}"`);
    this.exports.push({ name, kind, index });
  }
}

/** Numbers the distinct signatures in order of first use. */
class TypeTable {
  readonly entries: Uint8Array[] = [];
  private readonly indices = new Map<string, number>();

  indexOf(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`;
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const entry = new ByteWriter(16);
    entry.byte(0x60);
    entry.vector(signature.params.map((type) => typeCodes[type]));
    entry.vector(signature.results.map((type) => typeCodes[type]));
    this.indices.set(key, this.entries.length);
    return this.entries.push(entry.view()) - 1;
  }
}

/** A section is its id, its size in bytes, the number of items and the items; empty ones vanish. */
function section<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (body: ByteWriter, item: T) => void,
): void {
  if (items.length === 0) return;
  const body = new ByteWriter(1024);
  body.u32(items.length);
  for (const item of items) write(body, item);
  out.byte(id);
  out.vector(body.view());
}

function writeMemoryImport(body: ByteWriter, memory: MemoryOptions): void {
  const [module, field] = memory.import ?? ['', ''];
  body.name(module);
  body.name(field);
  body.byte(0x02);
  writeLimits(body, memory);
}

function writeLimits(body: ByteWriter, { pages, maxPages, shared }: MemoryOptions): void {
  body.byte((maxPages === undefined ? 0 : 1) | (shared ? 2 : 0));
  body.u32(pages);
  if (maxPages !== undefined) body.u32(maxPages);
}

function writeExport(body: ByteWriter, { name, kind, index }: Export): void {
  body.name(name);
  body.byte(exportKinds[kind]);
  body.u32(index);
}

/** An active segment of memory 0: `i32.const offset; end`, then the bytes. */
function writeSegment(body: ByteWriter, segment: { offset: number; bytes: Uint8Array }): void {
  body.bytes([0x00, 0x41]);
  body.s32(segment.offset);
  body.byte(0x0b);
  body.vector(segment.bytes);
}
