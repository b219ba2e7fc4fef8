/**
 * A decoupled convolution as numbers: R terms, each a depthwise kernel and a pointwise vector, for one group of
 * channels (I inputs, O outputs, k = kh·kw taps):
 *
 *   dw-pw   term c reads input channel of[c]:   Ŵ[o,i,κ] = Σ_{c: of[c]=i} P[o,c] · S[c,κ]
 *   pw-dw   term c feeds output channel of[c]:  Ŵ[o,i,κ] = Σ_{c: of[c]=o} S[c,κ] · P[c,i]
 *
 * S = `depthwise` [R,k]. P = `pointwise` [R, O] for dw-pw (one row of output weights per term) and [R, I] for pw-dw:
 * a term's numbers lie together in both forms. Terms are sorted by channel.
 * Source: Guo et al., Network Decoupling, BMVC 2018, arXiv 1808.05517.
 */
import type { KernelSize } from '@decouple/decomposition';

/** dw-pw: depthwise, then pointwise. pw-dw: pointwise, then depthwise. */
export type Form = 'dw-pw' | 'pw-dw';

export interface Factors extends KernelSize {
  readonly form: Form;
  /** Channel of each term, ascending. */
  readonly of: Int32Array;
  readonly depthwise: Float64Array;
  readonly pointwise: Float64Array;
}

/** Terms needed to reproduce any kernel of this size exactly, per channel. */
export const exactTerms = (size: KernelSize, form: Form): number =>
  Math.min(form === 'dw-pw' ? size.outputs : size.inputs, size.taps);

/** Terms of each channel. */
export function termsPerChannel(factors: Factors): Int32Array {
  const counts = new Int32Array(factors.form === 'dw-pw' ? factors.inputs : factors.outputs);
  for (const channel of factors.of) counts[channel] = (counts[channel] as number) + 1;
  return counts;
}

/** The dense kernel `[O, I·k]` that the factors stand for: oracle, error measure and what fits compare. */
export function equivalentKernel(factors: Factors): Float64Array {
  const { form, inputs, outputs, taps, of, depthwise, pointwise } = factors;
  const kernel = new Float64Array(outputs * inputs * taps);
  const spread = form === 'dw-pw' ? outputs : inputs;
  for (let term = 0; term < of.length; term++) {
    const channel = of[term] as number;
    for (let other = 0; other < spread; other++) {
      const weight = pointwise[term * spread + other] as number;
      const at =
        form === 'dw-pw' ? (other * inputs + channel) * taps : (channel * inputs + other) * taps;
      for (let tap = 0; tap < taps; tap++)
        kernel[at + tap] =
          (kernel[at + tap] as number) + weight * (depthwise[term * taps + tap] as number);
    }
  }
  return kernel;
}
