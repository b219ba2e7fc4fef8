/**
 * Builds the body of one function. Methods append code and return the builder; operands go through
 * the wasm value stack, so `a·b + c` reads `f.get(a).get(b).op('f32x4.mul').get(c).op('f32x4.add')`.
 * Instructions carry the names of the text format and are looked up in the opcode tables, hence a
 * wrong name is a type error. Control structures take a closure that emits their body.
 */
import { ByteWriter } from './bytes.ts';
import type { Instruction } from './opcodes/instruction.ts';
import {
  atomicInstructions,
  laneInstructions,
  memoryInstructions,
  memoryLaneInstructions,
  plainInstructions,
  type AtomicName,
  type LaneName,
  type MemoryLaneName,
  type MemoryName,
  type PlainName,
} from './opcodes/tables.ts';
import {
  AssemblerError,
  typeCodes,
  type Callable,
  type Label,
  type Local,
  type ValueType,
} from './types.ts';

export interface FunctionOptions<P extends readonly ValueType[]> {
  readonly params?: P;
  readonly results?: readonly ValueType[];
}

/** The parameters as locals, one for each declared type. */
export type ParamLocals<P extends readonly ValueType[]> = { -readonly [K in keyof P]: Local<P[K]> };

/** A constant or an i32 local. */
export type I32Operand = number | Local<'i32'>;

const emptyBlock = 0x40;

export class FunctionBuilder<
  P extends readonly ValueType[] = readonly ValueType[],
> implements Callable {
  readonly name: string;
  readonly index: number;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** The parameters as locals, in order. */
  readonly args: ParamLocals<P>;

  private readonly code = new ByteWriter();
  private readonly localTypes: ValueType[] = [];
  private depth = 0;

  /** Made by `ModuleBuilder.function`. */
  constructor(name: string, index: number, options: FunctionOptions<P> = {}) {
    this.name = name;
    this.index = index;
    this.params = options.params ?? [];
    this.results = options.results ?? [];
    this.args = this.params.map((type, position) => ({
      type,
      index: position,
    })) as unknown as ParamLocals<P>;
  }

  // Locals -----------------------------------------------------------------------------------

  /** Declares a zero-initialised local. */
  local<T extends ValueType>(type: T): Local<T> {
    this.localTypes.push(type);
    return { type, index: this.params.length + this.localTypes.length - 1 };
  }

  locals<T extends ValueType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  get(local: Local): this {
    return this.indexed(0x20, local.index);
  }

  set(local: Local): this {
    return this.indexed(0x21, local.index);
  }

  /** Stores the top of the stack and leaves it there. */
  tee(local: Local): this {
    return this.indexed(0x22, local.index);
  }

  /** `local += amount`. */
  increment(local: Local<'i32'>, amount: I32Operand): this {
    return this.get(local).operand(amount).op('i32.add').set(local);
  }

  // Constants --------------------------------------------------------------------------------

  i32(value: number): this {
    this.code.byte(0x41);
    this.code.s32(value);
    return this;
  }

  i64(value: number | bigint): this {
    this.code.byte(0x42);
    this.code.s64(BigInt(value));
    return this;
  }

  f32(value: number): this {
    this.code.byte(0x43);
    this.code.f32(value);
    return this;
  }

  f64(value: number): this {
    this.code.byte(0x44);
    this.code.f64(value);
    return this;
  }

  /** Four f32 lanes; one value fills them all. */
  f32x4(...lanes: number[]): this {
    return this.v128(new Float32Array(this.fill(lanes, 4)));
  }

  f64x2(...lanes: number[]): this {
    return this.v128(new Float64Array(this.fill(lanes, 2)));
  }

  i32x4(...lanes: number[]): this {
    return this.v128(new Int32Array(this.fill(lanes, 4)));
  }

  /** `v128.const` from sixteen bytes of any typed array. */
  v128(lanes: Float32Array | Float64Array | Int32Array | Uint8Array): this {
    if (lanes.byteLength !== 16) this.fail(`v128 constant of ${lanes.byteLength} bytes, not 16`);
    this.opcode(0xfd, 0x0c);
    this.code.bytes(new Uint8Array(lanes.buffer, lanes.byteOffset, 16));
    return this;
  }

  /** Pushes a local or an i32 constant. */
  operand(value: I32Operand): this {
    return typeof value === 'number' ? this.i32(value) : this.get(value);
  }

  // Instructions -----------------------------------------------------------------------------

  /** Appends instructions without immediates, scalar or vector. */
  op(...names: PlainName[]): this {
    for (const name of names) this.instruction(plainInstructions[name]);
    return this;
  }

  /** A load or store; `offset` is a constant byte offset in [0, 2³²) added to the address. */
  mem(name: MemoryName, offset = 0): this {
    const row = memoryInstructions[name];
    return this.instruction(row).memoryArgument(row.align, offset);
  }

  /** Extracts or replaces one lane. */
  lane(name: LaneName, lane: number): this {
    const row = laneInstructions[name];
    return this.instruction(row).laneIndex(name, lane, row.lanes);
  }

  /** Loads or stores one lane. */
  memLane(name: MemoryLaneName, lane: number, offset = 0): this {
    const row = memoryLaneInstructions[name];
    this.instruction(row).memoryArgument(row.align, offset);
    return this.laneIndex(name, lane, row.lanes);
  }

  /** An atomic access; needs a shared memory and the threads feature. */
  atomic(name: AtomicName, offset = 0): this {
    const row = atomicInstructions[name];
    return this.instruction(row).memoryArgument(row.align, offset);
  }

  atomicFence(): this {
    this.opcode(0xfe, 0x03).code.byte(0);
    return this;
  }

  /** Picks sixteen bytes from the two vectors on the stack: 0-15 the first, 16-31 the second. */
  shuffle(bytes: readonly number[]): this {
    const valid = bytes.length === 16 && bytes.every((byte) => byte >= 0 && byte < 32);
    if (!valid) this.fail(`shuffle of [${bytes.join(', ')}]: need 16 byte numbers below 32`);
    this.opcode(0xfd, 0x0d).code.bytes(bytes);
    return this;
  }

  /** `shuffle` of 32-bit lanes: 0-3 the first vector, 4-7 the second. */
  shuffle32(lanes: readonly [number, number, number, number]): this {
    return this.shuffle(lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)));
  }

  /** `shuffle` of 64-bit lanes: 0-1 the first vector, 2-3 the second. */
  shuffle64(lanes: readonly [number, number]): this {
    return this.shuffle(lanes.flatMap((lane) => [0, 1, 2, 3, 4, 5, 6, 7].map((b) => 8 * lane + b)));
  }

  /** Pops destination, byte value and length. */
  memoryFill(): this {
    this.opcode(0xfc, 0x0b).code.byte(0);
    return this;
  }

  /** Pops destination, source and length; the ranges may overlap. */
  memoryCopy(): this {
    this.opcode(0xfc, 0x0a).code.bytes([0, 0]);
    return this;
  }

  /** Pushes the memory size in pages of 64 KiB. */
  memorySize(): this {
    return this.indexed(0x3f, 0);
  }

  /** Pops a number of pages to add; pushes the old size, or -1 if refused. */
  memoryGrow(): this {
    return this.indexed(0x40, 0);
  }

  call(callee: Callable): this {
    return this.indexed(0x10, callee.index);
  }

  return(): this {
    return this.op('return');
  }

  unreachable(): this {
    return this.op('unreachable');
  }

  // Control ----------------------------------------------------------------------------------

  /** A block; branching to its label leaves it. `result` is what the body leaves on the stack. */
  block(body: (exit: Label) => void, result?: ValueType): this {
    return this.structured(0x02, body, result);
  }

  /** A loop; branching to its label starts the next round, falling off the end leaves it. */
  loop(body: (again: Label) => void, result?: ValueType): this {
    return this.structured(0x03, body, result);
  }

  /** Pops an i32 condition. With a result type both branches must be given. */
  if(then: (exit: Label) => void, otherwise?: (exit: Label) => void, result?: ValueType): this {
    return this.structured(
      0x04,
      (exit) => {
        then(exit);
        if (!otherwise) return;
        this.code.byte(0x05);
        otherwise(exit);
      },
      result,
    );
  }

  br(target: Label): this {
    return this.indexed(0x0c, this.depth - target.depth);
  }

  /** Pops an i32 and branches if it is not zero. */
  brIf(target: Label): this {
    return this.indexed(0x0d, this.depth - target.depth);
  }

  /** Pops an i32 and branches to the target of that number, or to `fallback` beyond the list. */
  brTable(targets: readonly Label[], fallback: Label): this {
    this.indexed(0x0e, targets.length);
    for (const target of [...targets, fallback]) this.code.u32(this.depth - target.depth);
    return this;
  }

  /**
   * Counts `counter` from `start` by `step` while it is below `end` (signed; above `end` if the step
   * is negative). The body must leave `counter` alone, and `end` too if it is a local. The test
   * stands at the bottom; the one at the top is left out where constants show a first round.
   */
  forRange(
    counter: Local<'i32'>,
    start: I32Operand,
    end: I32Operand,
    step: number,
    body: () => void,
  ): this {
    if (!Number.isInteger(step) || step === 0) this.fail(`loop step ${step} is not a whole number`);
    const inside = step > 0 ? 'i32.lt_s' : 'i32.gt_s';
    const outside = step > 0 ? 'i32.ge_s' : 'i32.le_s';
    const rounds = () =>
      this.loop((again) => {
        body();
        this.get(counter).i32(step).op('i32.add').tee(counter).operand(end).op(inside).brIf(again);
      });
    this.operand(start).set(counter);
    if (typeof start === 'number' && typeof end === 'number') {
      if ((end - start) * step > 0) rounds();
      return this;
    }
    return this.block((exit) => {
      this.get(counter).operand(end).op(outside).brIf(exit);
      rounds();
    });
  }

  // Encoding ---------------------------------------------------------------------------------

  /** The function as an entry of the code section, without its leading size. */
  encode(): Uint8Array<ArrayBuffer> {
    if (this.depth !== 0) this.fail('encoded inside an open block');
    const entry = new ByteWriter(this.code.length + 16);
    const runs = runLengths(this.localTypes);
    entry.u32(runs.length);
    for (const { type, count } of runs) {
      entry.u32(count);
      entry.byte(typeCodes[type]);
    }
    entry.bytes(this.code.view());
    entry.byte(0x0b);
    return entry.view();
  }

  private structured(code: number, body: (label: Label) => void, result?: ValueType): this {
    this.code.byte(code);
    this.code.byte(result ? typeCodes[result] : emptyBlock);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.code.byte(0x0b);
    return this;
  }

  private instruction(row: Instruction): this {
    return this.opcode(row.prefix, row.code);
  }

  private opcode(prefix: number, code: number): this {
    if (prefix === 0) {
      this.code.byte(code);
    } else {
      this.code.byte(prefix);
      this.code.u32(code);
    }
    return this;
  }

  private indexed(code: number, index: number): this {
    this.code.byte(code);
    this.code.u32(index);
    return this;
  }

  private memoryArgument(align: number, offset: number): this {
    if (!Number.isInteger(offset) || offset < 0 || offset > 0xffffffff)
      this.fail(`memory offset ${offset} is not a whole number in [0, 2^32)`);
    this.code.u32(align);
    this.code.u32(offset);
    return this;
  }

  private laneIndex(name: string, lane: number, lanes: number): this {
    if (!(lane >= 0 && lane < lanes)) this.fail(`${name}: lane ${lane}, but there are ${lanes}`);
    this.code.byte(lane);
    return this;
  }

  private fill(lanes: readonly number[], count: number): readonly number[] {
    const [first] = lanes;
    if (lanes.length === 1 && first !== undefined) return Array<number>(count).fill(first);
    if (lanes.length !== count) this.fail(`${lanes.length} lanes given, need 1 or ${count}`);
    return lanes;
  }

  private fail(reason: string): never {
    throw new AssemblerError(`wasm function "${this.name}": ${reason}`);
  }
}

function runLengths(types: readonly ValueType[]): { type: ValueType; count: number }[] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  return runs;
}
