import {
  atomic,
  core,
  simd,
  type Instruction,
  type MemoryInstruction,
  type MemoryLaneInstruction,
} from './instruction.ts';

const sized = (row: Instruction, align: number): MemoryInstruction => ({ ...row, align });
const laned = (row: Instruction, align: number): MemoryLaneInstruction => ({
  ...row,
  align,
  lanes: 16 >> align,
});

/** Loads and stores: the address is on the stack, a constant byte offset is an immediate. */
export const memoryInstructions = {
  'i32.load': sized(core(0x28, 'i:i'), 2),
  'i64.load': sized(core(0x29, 'i:l'), 3),
  'f32.load': sized(core(0x2a, 'i:f'), 2),
  'f64.load': sized(core(0x2b, 'i:d'), 3),
  'i32.load8_s': sized(core(0x2c, 'i:i'), 0),
  'i32.load8_u': sized(core(0x2d, 'i:i'), 0),
  'i32.load16_s': sized(core(0x2e, 'i:i'), 1),
  'i32.load16_u': sized(core(0x2f, 'i:i'), 1),
  'i32.store': sized(core(0x36, 'ii:'), 2),
  'i64.store': sized(core(0x37, 'il:'), 3),
  'f32.store': sized(core(0x38, 'if:'), 2),
  'f64.store': sized(core(0x39, 'id:'), 3),
  'i32.store8': sized(core(0x3a, 'ii:'), 0),
  'i32.store16': sized(core(0x3b, 'ii:'), 1),
  'v128.load': sized(simd(0x0, 'i:v'), 4),
  'v128.load8x8_s': sized(simd(0x1, 'i:v'), 3),
  'v128.load8x8_u': sized(simd(0x2, 'i:v'), 3),
  'v128.load16x4_s': sized(simd(0x3, 'i:v'), 3),
  'v128.load16x4_u': sized(simd(0x4, 'i:v'), 3),
  'v128.load8_splat': sized(simd(0x7, 'i:v'), 0),
  'v128.load16_splat': sized(simd(0x8, 'i:v'), 1),
  'v128.load32_splat': sized(simd(0x9, 'i:v'), 2),
  'v128.load64_splat': sized(simd(0xa, 'i:v'), 3),
  'v128.store': sized(simd(0xb, 'iv:'), 4),
  'v128.load32_zero': sized(simd(0x5c, 'i:v'), 2),
  'v128.load64_zero': sized(simd(0x5d, 'i:v'), 3),
} as const satisfies Record<string, MemoryInstruction>;

/** Loads and stores of one lane of a vector. */
export const memoryLaneInstructions = {
  'v128.load8_lane': laned(simd(0x54, 'iv:v'), 0),
  'v128.load16_lane': laned(simd(0x55, 'iv:v'), 1),
  'v128.load32_lane': laned(simd(0x56, 'iv:v'), 2),
  'v128.load64_lane': laned(simd(0x57, 'iv:v'), 3),
  'v128.store8_lane': laned(simd(0x58, 'iv:'), 0),
  'v128.store16_lane': laned(simd(0x59, 'iv:'), 1),
  'v128.store32_lane': laned(simd(0x5a, 'iv:'), 2),
  'v128.store64_lane': laned(simd(0x5b, 'iv:'), 3),
} as const satisfies Record<string, MemoryLaneInstruction>;

/** Atomic accesses; addresses must be naturally aligned. */
export const atomicInstructions = {
  'memory.atomic.notify': atomic(0x0, 'ii:i'),
  'memory.atomic.wait32': atomic(0x1, 'iil:i'),
  'i32.atomic.load': atomic(0x10, 'i:i'),
  'i32.atomic.store': atomic(0x17, 'ii:'),
  'i32.atomic.rmw.add': atomic(0x1e, 'ii:i'),
  'i32.atomic.rmw.sub': atomic(0x25, 'ii:i'),
  'i32.atomic.rmw.and': atomic(0x2c, 'ii:i'),
  'i32.atomic.rmw.or': atomic(0x33, 'ii:i'),
  'i32.atomic.rmw.xor': atomic(0x3a, 'ii:i'),
  'i32.atomic.rmw.xchg': atomic(0x41, 'ii:i'),
  'i32.atomic.rmw.cmpxchg': atomic(0x48, 'iii:i'),
} as const satisfies Record<string, MemoryInstruction>;
