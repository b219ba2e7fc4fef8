import { passThroughOp } from '../pass-through.ts';

export const identity = passThroughOp('identity', 'The input, unchanged.');
