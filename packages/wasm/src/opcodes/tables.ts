/** All instructions, grouped by the immediates they take. */
import { scalarInstructions } from './scalar.ts';
import { relaxedInstructions, vectorInstructions } from './vector.ts';
import type { atomicInstructions, memoryInstructions, memoryLaneInstructions } from './memory.ts';
import type { laneInstructions } from './vector.ts';

export const plainInstructions = {
  ...scalarInstructions,
  ...vectorInstructions,
  ...relaxedInstructions,
};

export { atomicInstructions, memoryInstructions, memoryLaneInstructions } from './memory.ts';
export { laneInstructions, relaxedInstructions } from './vector.ts';

export type PlainName = keyof typeof plainInstructions;
export type RelaxedName = keyof typeof relaxedInstructions;
export type MemoryName = keyof typeof memoryInstructions;
export type LaneName = keyof typeof laneInstructions;
export type MemoryLaneName = keyof typeof memoryLaneInstructions;
export type AtomicName = keyof typeof atomicInstructions;
