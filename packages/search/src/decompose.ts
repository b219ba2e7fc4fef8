/** The `decompose` pass: for every convolution the best of all methods, under one budget. */
import {
  budgetOf,
  budgetOptions,
  decomposeLayers,
  fitOptions,
  statistics,
  type Decomposer,
  type Disturbance,
} from '@decouple/decomposition';
import { applyPatch } from '@decouple/ir';
import { definePass } from '@decouple/pass-manager';
import { channelDecomposition, onPrincipalInputs } from '@decouple/pass-channel-decomposition';
import { pruning } from '@decouple/pass-channel-pruning';
import { decoupling } from '@decouple/pass-network-decoupling';
import { spatialDecomposition } from '@decouple/pass-spatial-decomposition';
import { nextTurn, OptionError } from '@decouple/tensor';
import { z } from 'zod';
import {
  allocateByKnapsack,
  allocateGreedily,
  allocateUniformly,
  sensitivities,
  type Effect,
} from './allocations.ts';
import { divergenceFrom } from './divergence.ts';

/** Ranks are multiples of this, so that backends get full vectors. */
const multiple = 4;

const decouple = (form: 'auto' | 'dw-pw'): Decomposer =>
  decoupling({ form, layout: 'wide', adaptive: 'auto' });
const spatial = (): Decomposer =>
  spatialDecomposition({ order: 'auto', multiple, allowCostlier: false });
const channel = (): Decomposer =>
  channelDecomposition({ method: 'auto', multiple, allowCostlier: false });

/** Methods by name; what passes they come from documents them. Two names: the second behind fewer input channels. */
const methods = {
  decouple: () => decouple('auto'),
  spatial,
  channel,
  'channel-decouple': () => onPrincipalInputs(decouple('dw-pw'), multiple),
  'channel-spatial': () => onPrincipalInputs(spatial(), multiple),
  'channel-channel': () => onPrincipalInputs(channel(), multiple),
  prune: () => pruning({ method: 'elimination', multiple }),
} satisfies Record<string, () => Decomposer>;
type Method = keyof typeof methods;
const methodNames = Object.keys(methods) as [Method, ...Method[]];

const options = z.strictObject({
  ...budgetOptions,
  methods: z
    .array(z.enum(methodNames))
    .min(1)
    .default([
      'decouple',
      'spatial',
      'channel',
      'channel-decouple',
      'channel-spatial',
      'channel-channel',
    ])
    .describe(
      'what may become of a convolution; each layer takes the best. prune leaves out input channels: run remove-unused-channels afterwards',
    ),
  allocation: z
    .enum(['knapsack', 'uniform', 'greedy'])
    .default('knapsack')
    .describe(
      'how layers share the budget: least sum of errors; equal shares; one bound for the effect on the outputs, measured for each layer alone (slow)',
    ),
  sensitivity: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'knapsack: weigh the error of each layer by this power of its measured effect on the outputs; 0 counts all alike; above, calibration data are needed',
    ),
  ...fitOptions,
});

export const decompose = definePass({
  name: 'decompose',
  summary: 'Replaces each convolution by the best of several decompositions, under one budget.',
  effect: 'approximate',
  options,
  statistics,
  needs: ({ allocation, sensitivity }) =>
    allocation === 'greedy' || sensitivity > 0 ? ['calibration'] : [],
  run: (graph, given, context) => {
    const { calibration, signal } = context;
    if (given.data === 'off' && (given.sensitivity > 0 || given.allocation === 'greedy'))
      throw new OptionError(
        'decompose: effects on the outputs are measured on data; data=off excludes them',
      );
    return decomposeLayers(
      graph,
      {
        pass: 'decompose',
        decomposers: given.methods.map((method) => methods[method]()),
        options: given,
        disturb: given.sensitivity > 0,
        choose: async (choices, network, buildAlone) => {
          const problem = {
            pass: 'decompose',
            choices,
            budget: budgetOf('decompose', given, network),
          };
          if (given.allocation === 'uniform') return allocateUniformly(problem);
          const divergence = calibration && divergenceFrom(calibration);
          const effect: Effect = async (choice, plan) => {
            await nextTurn(signal);
            const alone = await buildAlone(choice, plan);
            return divergence ? divergence(alone, signal) : plan.error;
          };
          if (given.allocation === 'greedy') return allocateGreedily(problem, effect);
          const disturbed = async (disturbance: Disturbance): Promise<number> => {
            await nextTurn(signal);
            return divergence ? divergence(applyPatch(graph, disturbance.patch()), signal) : 0;
          };
          const weights =
            given.sensitivity > 0 ? await sensitivities(problem, disturbed, given.sensitivity) : {};
          return allocateByKnapsack(problem, weights);
        },
      },
      context,
    );
  },
});

export const searchPasses = [decompose] as const;
