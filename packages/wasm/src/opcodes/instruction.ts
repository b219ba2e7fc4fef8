import type { ValueType } from '../types.ts';

/**
 * One row of the opcode tables. `signature` spells what the instruction pops and pushes, one letter
 * a value (`i` i32, `l` i64, `f` f32, `d` f64, `v` v128): `'vv:v'` takes two vectors and leaves one.
 */
export interface Instruction {
  /** 0 for one-byte opcodes, else the prefix byte (0xfc bulk, 0xfd vector, 0xfe atomic). */
  readonly prefix: number;
  readonly code: number;
  readonly signature: string;
}

export interface MemoryInstruction extends Instruction {
  /** log₂ of the bytes accessed: the natural alignment, and the only one atomics accept. */
  readonly align: number;
}

export interface LaneInstruction extends Instruction {
  readonly lanes: number;
}

export interface MemoryLaneInstruction extends MemoryInstruction, LaneInstruction {}

export const core = (code: number, signature: string): Instruction => ({
  prefix: 0,
  code,
  signature,
});

export const bulk = (code: number, signature: string): Instruction => ({
  prefix: 0xfc,
  code,
  signature,
});

export const simd = (code: number, signature: string): Instruction => ({
  prefix: 0xfd,
  code,
  signature,
});

export const atomic = (code: number, signature: string, align = 2): MemoryInstruction => ({
  prefix: 0xfe,
  code,
  signature,
  align,
});

const letters: Readonly<Record<string, ValueType>> = {
  i: 'i32',
  l: 'i64',
  f: 'f32',
  d: 'f64',
  v: 'v128',
};

/** Parameter and result types of a table row. */
export function signatureOf(row: Instruction): { params: ValueType[]; results: ValueType[] } {
  const [pops = '', pushes = ''] = row.signature.split(':');
  const types = (spelled: string) => [...spelled].flatMap((letter) => letters[letter] ?? []);
  return { params: types(pops), results: types(pushes) };
}
