export { foldBatchNorm } from './fold-batch-norm.ts';
export { fuse } from './fuse.ts';
export { fuseActivations } from './fuse-activations.ts';
export { fuseResidual } from './fuse-residual.ts';
export { fusionPasses } from './passes.ts';
