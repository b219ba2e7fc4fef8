/** The passes of this package, in an order that makes sense for an imported network. */
import type { Pass } from '@decouple/pass-manager';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldConstants } from './fold-constants.ts';
import { fuse } from './fuse.ts';
import { fuseActivations } from './fuse-activations.ts';
import { fuseResidual } from './fuse-residual.ts';
import { mergeBranches } from './merge-branches.ts';
import { mergeLinear } from './merge-linear.ts';
import { removeIdentity } from './remove-identity.ts';

export const fusionPasses: readonly Pass[] = [
  foldConstants,
  removeIdentity,
  foldBatchNorm,
  mergeLinear,
  mergeBranches,
  fuseActivations,
  fuseResidual,
  fuse,
];
