/** Value types of the binary format, and the plain objects that name locals, labels and functions. */
export const typeCodes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

export type ValueType = keyof typeof typeCodes;

/** A parameter or local variable of one function. */
export interface Local<T extends ValueType = ValueType> {
  readonly type: T;
  readonly index: number;
}

/** The target of a branch; valid only inside the body that received it. */
export interface Label {
  readonly depth: number;
}

export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** What `call` needs to know about a function of the same module. */
export interface Callable extends Signature {
  readonly index: number;
}

/** The module asked for cannot be expressed: the message names the function and the offending value. */
export class AssemblerError extends Error {
  override readonly name = 'AssemblerError';
}
