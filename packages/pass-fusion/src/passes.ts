/** The passes of this package, in an order that makes sense for an imported network. */
import type { Pass } from '@decouple/pass-manager';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { fuse } from './fuse.ts';
import { fuseActivations } from './fuse-activations.ts';
import { fuseResidual } from './fuse-residual.ts';

export const fusionPasses: readonly Pass[] = [foldBatchNorm, fuseActivations, fuseResidual, fuse];
