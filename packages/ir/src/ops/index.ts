/** The table of ops. To add one: its file, this table, its kernels; the rest is derived. */
import { conv2d } from './conv2d.ts';
import { relu } from './relu.ts';

export const ops = {
  [conv2d.kind]: conv2d,
  [relu.kind]: relu,
} as const;
