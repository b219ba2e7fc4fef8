/**
 * MACs of a decoupled convolution, per image: R terms in all groups together.
 *
 *   dw-pw   R·(k + O/g)·A_out        pw-dw   R·(I/g·A_in + k·A_out)
 *
 * (I, O channels, g groups, k taps, A positions; pw-dw runs its pointwise part at input resolution.)
 */
import { areaOf, type ConvSize } from '@decouple/decomposition';
import type { Form } from './factors.ts';

/** k, positions of the input and of the output. */
const sizesOf = ({ kernel, input, output }: ConvSize) => ({
  taps: areaOf(kernel),
  inputArea: areaOf(input),
  outputArea: areaOf(output),
});

/** MACs of one term. */
export function macsPerTerm(size: ConvSize, form: Form): number {
  const { taps, inputArea, outputArea } = sizesOf(size);
  return form === 'dw-pw'
    ? (taps + size.outChannels / size.groups) * outputArea
    : (size.inChannels / size.groups) * inputArea + taps * outputArea;
}

/** Weights of one term. */
export const paramsPerTerm = (size: ConvSize, form: Form): number =>
  areaOf(size.kernel) + (form === 'dw-pw' ? size.outChannels : size.inChannels) / size.groups;

/** Channels that carry terms: inputs for dw-pw, outputs for pw-dw. */
export const termChannels = (size: ConvSize, form: Form): number =>
  form === 'dw-pw' ? size.inChannels : size.outChannels;
