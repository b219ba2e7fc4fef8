import { passThroughOp } from '../pass-through.ts';

export const dropout = passThroughOp('dropout', 'Dropout in inference: the input, unchanged.');
