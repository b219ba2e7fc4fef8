/**
 * Spatial decomposition: a kh×kw convolution as a kh×1 and a 1×kw one, in either order, with few channels between.
 * Jaderberg, Vedaldi and Zisserman, Speeding up Convolutional Neural Networks with Low Rank Expansions, BMVC 2014,
 * arXiv 1405.3866, scheme 2.
 *
 * Without data the stages are truncated singular vectors. With calibration data both stages are fitted in turn, so
 * that from the input that the changed network gives the layer it makes the response of the original network.
 */
import {
  chooseByRank,
  decomposeLayers,
  statistics,
  type Decomposer,
} from '@decouple/decomposition';
import { definePass } from '@decouple/pass-manager';
import { options } from './options.ts';
import { plansOf, type PlanOptions } from './plans.ts';

/** Spatial decomposition as a method among others. */
export const spatialDecomposition = (given: PlanOptions): Decomposer => ({
  name: 'spatial-decompose',
  key: JSON.stringify(['spatial-decompose', given.order, given.multiple, given.allowCostlier]),
  refuses: ({ size: { kernel } }) => {
    if (Math.min(...kernel) > 1) return undefined;
    return Math.max(...kernel) === 1
      ? 'pointwise convolutions have nothing to separate'
      : 'already along one axis; channel-decompose can still lower its rank';
  },
  plans: (layer, metrics) => plansOf(layer, metrics, given),
});

export const spatialDecompose = definePass({
  name: 'spatial-decompose',
  summary: 'Replaces convolutions by a vertical and a horizontal one with few channels between.',
  effect: 'approximate',
  options,
  statistics,
  run: (graph, given, context) =>
    decomposeLayers(
      graph,
      {
        pass: 'spatial-decompose',
        decomposers: [spatialDecomposition(given)],
        options: given,
        choose: (choices, { macs }) => chooseByRank('spatial-decompose', choices, macs, given),
      },
      context,
    ),
});

export const spatialDecompositionPasses = [spatialDecompose] as const;
