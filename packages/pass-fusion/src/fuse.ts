/** Both fusions of what follows a layer, alternating until nothing changes: sum, then the sum's activation. */
import { definePass } from '@decouple/pass-manager';
import { z } from 'zod';
import { fuseActivations } from './fuse-activations.ts';
import { fuseResidual } from './fuse-residual.ts';

export const fuse = definePass({
  name: 'fuse',
  summary: 'Makes activations and residual sums part of the layers before them.',
  effect: 'exact',
  options: z.strictObject({}),
  rules: { ...fuseActivations.rules, ...fuseResidual.rules },
});
