/** The table of kernels: every op is in it, by type. */
import type { Delegation, KernelTable } from '../kernel.ts';
import { conv2d, linear } from './conv2d.ts';
import { batchNormalization, binary, unary } from './elementwise.ts';
import { gather } from './gather.ts';
import { globalAveragePool, reduceMean } from './mean.ts';
import {
  concat,
  depthToSpace,
  expand,
  pad,
  reshape,
  resize,
  slice,
  transpose,
} from './movement.ts';
import { averagePool, maxPool } from './pool.ts';
import { softmax } from './softmax.ts';

const rare: Delegation = { delegate: 'rare in convolutional networks: no kernel yet' };
const rareFunction: Delegation = { delegate: 'no vector code for this function yet' };
const detectors: Delegation = { delegate: 'chooses or reads regions: no kernel yet' };
const shapes: Delegation = { delegate: 'handles shapes and indices, not feature maps' };

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
  elu: rareFunction,
  selu: rareFunction,
  softplus: rareFunction,
  erf: rareFunction,
  log: rareFunction,
  softmax,
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  'max-pool': maxPool,
  'max-pool-indices': shapes,
  'average-pool': averagePool,
  'global-average-pool': globalAveragePool,
  'reduce-mean': reduceMean,
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
