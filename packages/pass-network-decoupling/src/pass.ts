/**
 * Network decoupling: every regular convolution is exactly a sum of K depthwise-separable ones; keep the few that
 * matter. Guo et al., Network Decoupling: From Regular to Depthwise Separable Convolutions, BMVC 2018.
 *
 * Without data the terms come from singular values. With calibration data the layers are first measured (error of
 * each candidate on the data), terms are allotted, and then each layer in turn is fitted so that from the input that
 * the changed network gives it, it makes the response of the original network (asymmetric reconstruction).
 * Not handled: 3-D convolutions; convolutions whose activation is already fused are decoupled without data only.
 */
import {
  chooseWithin,
  decomposeLayers,
  statistics,
  type Decomposer,
  type Metric,
} from '@decouple/decomposition';
import { definePass } from '@decouple/pass-manager';
import { OptionError } from '@decouple/tensor';
import { chooseByTerms } from './choose.ts';
import { options, targetOf, type Options } from './options.ts';
import { dataPlans, weightPlans, type Adaptive } from './plans.ts';

/**
 * Elimination fits the data closest, too close where they are drawn images: there equal terms lose less on pictures.
 * @throws OptionError when elimination is asked for without data to eliminate by.
 */
function adaptiveOf(
  { adaptive }: Pick<Options, 'adaptive'>,
  metrics: readonly Metric[] | undefined,
): Adaptive {
  if (adaptive === 'auto') return metrics && !metrics[0]?.synthetic ? 'elimination' : 'none';
  if (adaptive === 'elimination' && !metrics)
    throw new OptionError(
      'decouple: adaptive=elimination works on calibration data; give some, or use adaptive=energy',
    );
  return adaptive;
}

/** Network decoupling as a method among others. */
export const decoupling = ({
  form,
  layout,
  adaptive,
}: Pick<Options, 'form' | 'layout' | 'adaptive'>): Decomposer => ({
  name: 'decouple',
  key: JSON.stringify(['decouple', form, layout, adaptive]),
  refuses: ({ group }) => {
    if (group.taps === 1) return 'pointwise convolutions have nothing to decouple';
    return group.inputs === 1 ? 'already depthwise' : undefined;
  },
  plans: (layer, metrics) => {
    const forms = form === 'auto' ? (['dw-pw', 'pw-dw'] as const) : [form];
    const given = { forms, layout, adaptive: adaptiveOf({ adaptive }, metrics) };
    return metrics ? dataPlans(layer, metrics, given) : weightPlans(layer, given);
  },
});

export const decouple = definePass({
  name: 'decouple',
  summary:
    'Replaces convolutions by the principal terms of their exact sum of depthwise-separable ones.',
  effect: 'approximate',
  options,
  statistics,
  run: (graph, given, context) =>
    decomposeLayers(
      graph,
      {
        pass: 'decouple',
        decomposers: [decoupling(given)],
        options: given,
        choose: (choices, network) => {
          const target = targetOf(given, network);
          return target.kind === 'budget'
            ? chooseWithin('decouple', choices, target.budget)
            : chooseByTerms(choices, target);
        },
      },
      context,
    ),
});

export const networkDecouplingPasses = [decouple] as const;
