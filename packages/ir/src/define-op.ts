/**
 * An op is one record in one file: every fact about it that does not depend on a backend. Node types, the
 * verifier, the text syntax, documentation and the conformance suite are derived from the table of records.
 */
import type { Random, Tensor } from '@decouple/tensor';
import type { z } from 'zod';
import type { ChannelRelation } from './channels.ts';
import type { ValueType } from './types.ts';

/** One input of an op. Optional inputs that are absent are `''` in a node and `undefined` here. */
export interface InputSpec {
  readonly name: string;
  readonly optional?: true;
  /** Takes one or more values; only the last input may. */
  readonly variadic?: true;
}

/** A case for the conformance suite: input tensors (undefined: absent) and attributes. */
export interface Sample<A> {
  readonly name: string;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly attrs: A;
}

export type InputTypes = readonly (ValueType | undefined)[];
export type InputTensors = readonly (Tensor | undefined)[];

export interface OpRecord<Kind extends string = string, Schema extends z.ZodObject = z.ZodObject> {
  readonly kind: Kind;
  /** What it computes, with shapes. First sentence is a statement. */
  readonly doc: string;
  readonly inputs: readonly InputSpec[];
  /** A strict zod object: types, defaults, ranges, documentation. */
  readonly attrs: Schema;
  /**
   * Output types; `null` where only running tells.
   * @throws ModelError with the offending sizes (the caller adds the node's name).
   */
  infer(inputs: InputTypes, attrs: z.output<Schema>): (ValueType | null)[];
  /** Multiply-accumulates for one run; symbolic dimensions count as 1. Absent: 0. */
  macs?(inputs: InputTypes, attrs: z.output<Schema>, outputs: readonly ValueType[]): number;
  /**
   * How channels (axis 1) of inputs and outputs belong together, for these types and constant inputs. Absent or
   * `undefined`: they can't be told apart, and none may be removed.
   */
  channels?(
    inputs: InputTypes,
    attrs: z.output<Schema>,
    outputs: readonly ValueType[],
    constants: InputTensors,
  ): ChannelRelation<z.output<Schema>> | undefined;
  /** The meaning, in obvious loops: the oracle for backends, folding and exact passes. */
  reference(inputs: InputTensors, attrs: z.output<Schema>): Tensor[];
  /** Cases for the conformance suite, edge shapes first. */
  samples(random: Random): Sample<z.output<Schema>>[];
}

/** Declares an op; only fixes the types. */
export function defineOp<const Kind extends string, Schema extends z.ZodObject>(
  record: OpRecord<Kind, Schema>,
): OpRecord<Kind, Schema> {
  return record;
}
