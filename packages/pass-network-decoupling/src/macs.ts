/**
 * MACs of a decoupled convolution, per image: R terms in all groups together.
 *
 *   dw-pw   R·(k + O/g)·A_out        pw-dw   R·(I/g·A_in + k·A_out)
 *
 * (I, O channels, g groups, k taps, A positions; pw-dw runs its pointwise part at input resolution.)
 */
import type { Form } from './factors.ts';

export interface ConvSize {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly taps: number;
  readonly inputArea: number;
  readonly outputArea: number;
}

/** MACs of one term. */
export const macsPerTerm = (size: ConvSize, form: Form): number =>
  form === 'dw-pw'
    ? (size.taps + size.outChannels / size.groups) * size.outputArea
    : (size.inChannels / size.groups) * size.inputArea + size.taps * size.outputArea;

export const denseMacs = (size: ConvSize): number =>
  (size.inChannels / size.groups) * size.outChannels * size.taps * size.outputArea;

/** Channels that carry terms: inputs for dw-pw, outputs for pw-dw. */
export const termChannels = (size: ConvSize, form: Form): number =>
  form === 'dw-pw' ? size.inChannels : size.outChannels;
