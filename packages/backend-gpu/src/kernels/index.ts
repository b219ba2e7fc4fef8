/** The table of kernels: every op is in it, by type. */
import { describeTable, type KernelDescription } from '@decouple/backend';
import type { Delegation, KernelTable } from '../kernel.ts';
import { conv2d, linear } from './conv2d.ts';
import { batchNormalization, binary, prelu, unary } from './elementwise.ts';
import { gather, resize } from './lookup.ts';
import { concat, depthToSpace, expand, pad, reshape, slice, transpose } from './movement.ts';
import { averagePool, globalAveragePool, maxPool } from './pool.ts';
import { reduce, softmax } from './reduce.ts';

const rare: Delegation = { delegate: 'rare in convolutional networks: no kernel yet' };
const detectors: Delegation = { delegate: 'chooses or reads regions: no kernel yet' };
const shapes: Delegation = { delegate: 'handles shapes and indices, not feature maps' };
const truth: Delegation = { delegate: 'works with truth values, which are not float32' };

export const kernels = {
  conv2d,
  'conv-transpose2d': rare,
  linear,
  matmul: rare,
  'batch-normalization': batchNormalization,
  normalize: rare,
  lrn: rare,
  relu: unary,
  'leaky-relu': unary,
  prelu,
  clip: unary,
  sigmoid: unary,
  tanh: unary,
  'hard-sigmoid': unary,
  'hard-swish': unary,
  exp: unary,
  sqrt: unary,
  abs: unary,
  floor: unary,
  ceil: unary,
  round: unary,
  elu: unary,
  selu: unary,
  softplus: unary,
  erf: unary,
  log: unary,
  sign: unary,
  trigonometric: rare,
  softmax,
  'log-softmax': softmax,
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  mod: rare,
  pow: rare,
  min: binary,
  max: binary,
  compare: truth,
  logical: truth,
  not: truth,
  where: truth,
  'max-pool': maxPool,
  'max-pool-indices': shapes,
  'average-pool': averagePool,
  'global-average-pool': globalAveragePool,
  reduce,
  'arg-extreme': shapes,
  'top-k': shapes,
  'cumulative-sum': rare,
  concat,
  slice,
  pad,
  resize,
  'depth-to-space': depthToSpace,
  expand,
  reshape,
  flatten: reshape,
  squeeze: reshape,
  unsqueeze: reshape,
  transpose,
  gather,
  'gather-elements': shapes,
  'gather-nd': shapes,
  'scatter-elements': shapes,
  'scatter-nd': shapes,
  shape: shapes,
  cast: shapes,
  identity: reshape,
  dropout: reshape,
  'constant-of-shape': shapes,
  range: shapes,
  'non-max-suppression': detectors,
  'roi-align': detectors,
  opaque: { unsupported: 'an op that this build does not know' },
} satisfies KernelTable;

/** How each op runs on this backend, as data for generated documentation. */
export const describeKernels = (): KernelDescription[] => describeTable(kernels);
