/**
 * Channel decomposition: a convolution as d filters of the same size and a pointwise convolution that mixes them.
 * Zhang, Zou, He and Sun, Accelerating Very Deep Convolutional Networks for Classification and Detection, 2015,
 * arXiv 1505.06798.
 *
 * Without data the weights are cut to rank d. With calibration data both parts follow at once from the moments of
 * patches and wanted responses; the mean response is exact.
 */
import {
  chooseByRank,
  chooseWithin,
  decomposeLayers,
  statistics,
  type Decomposer,
} from '@decouple/decomposition';
import { definePass } from '@decouple/pass-manager';
import { OptionError } from '@decouple/tensor';
import { chooseByEnergy } from './allocate.ts';
import type { Method } from './methods.ts';
import { options, type Options } from './options.ts';
import { plansOf } from './plans.ts';

/** @throws OptionError when a method that needs data is asked for without any. */
function methodOf({ method }: Pick<Options, 'method'>, withData: boolean): Method {
  if (method === 'auto') return withData ? 'reduced-rank' : 'weights';
  if (method !== 'weights' && !withData)
    throw new OptionError(
      `channel-decompose: method=${method} works on calibration data; give some, or use method=weights`,
    );
  return method;
}

/** Channel decomposition as a method among others. */
export const channelDecomposition = (
  given: Pick<Options, 'method' | 'multiple' | 'allowCostlier'>,
): Decomposer => ({
  name: 'channel-decompose',
  key: JSON.stringify(['channel-decompose', given.method, given.multiple, given.allowCostlier]),
  refuses: ({ group }) =>
    group.outputs === 1 ? 'outputs have groups of their own and share no filters' : undefined,
  plans: (layer, metrics) =>
    plansOf(layer, metrics, { ...given, method: methodOf(given, metrics !== undefined) }),
});

export const channelDecompose = definePass({
  name: 'channel-decompose',
  summary: 'Replaces convolutions by fewer filters and a pointwise convolution that mixes them.',
  effect: 'approximate',
  options,
  statistics,
  run: (graph, given, context) =>
    decomposeLayers(
      graph,
      {
        pass: 'channel-decompose',
        decomposers: [channelDecomposition(given)],
        options: given,
        choose: (choices, { macs }) =>
          chooseByRank(
            'channel-decompose',
            choices,
            macs,
            given,
            given.allocation === 'zhang' ? chooseByEnergy : chooseWithin,
          ),
      },
      context,
    ),
});

export const channelDecompositionPasses = [channelDecompose] as const;
