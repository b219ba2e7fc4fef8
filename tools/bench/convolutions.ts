/** Single convolutions: multiply-adds a second of each kernel, and of the core's own limit, in turns. */
import { timeKernels, type ConvKernel } from '@decouple/backend-cpu';
import { median } from '@decouple/backend';
import { graphBuilder, totalCost, type Graph } from '@decouple/ir';
import { createRandom, float32, normals, sizeOf } from '@decouple/tensor';
import { macsPerBurst, peakBurst } from './peak.ts';

/** Convolutions in a row, each padded to keep the size, with bias and ReLU. @param text size,in,out,kernel[,stride[,groups]] */
export function convolution(text: string, layers = 1): Graph {
  const [size, channels, outChannels, kernel, stride = 1, groups = 1] = text
    .split(',')
    .map(Number) as [number, number, number, number, number?, number?];
  const shape = [outChannels, channels / groups, kernel, kernel];
  const scale = Math.sqrt(2 / ((channels / groups) * kernel * kernel));
  const pad = kernel >> 1;
  const b = graphBuilder(text);
  let y = b.input('x', [1, channels, size, size]);
  for (let layer = 0; layer < layers; layer++) {
    const weight = float32(shape, normals(createRandom(layer + 1), sizeOf(shape), scale));
    const bias = float32([outChannels], new Float32Array(outChannels));
    const inputs = [y, b.constant(`w${layer}`, weight), b.constant(`b${layer}`, bias)];
    y = b.node('conv2d', inputs, {
      pads: [pad, pad, pad, pad],
      stride: [stride, stride],
      groups,
      activation: { kind: 'relu' },
    });
  }
  return b.build([y]);
}

/** GMAC/s that one core reaches with 128-bit vectors in registers. */
export interface Limit {
  readonly median: number;
  readonly best: number;
}

/** The limit of the core, asked again whenever it matters: clocks change. */
export function limitProbe(fma: boolean): () => Limit {
  const burst = peakBurst(fma);
  burst();
  return () => {
    const times = Array.from({ length: 100 }, () => {
      const start = performance.now();
      burst();
      return performance.now() - start;
    });
    const rate = (ms: number): number => macsPerBurst / ms / 1e6;
    return { median: rate(median(times)), best: rate(Math.min(...times)) };
  };
}

export interface KernelRate {
  readonly kernel: ConvKernel;
  readonly medianMs: number;
  readonly fastMs: number;
  /** GMAC/s, counted as those of the plain convolution. */
  readonly rate: number;
  /** Of the limit's median, by medians; and of its best, by the fastest tenth. */
  readonly share: number;
  readonly fastShare: number;
}

/** All kernels that can run a convolution, the fastest first. */
export async function kernelRates(
  text: string,
  fma: boolean,
  limit: () => Limit,
): Promise<{ readonly limit: Limit; readonly kernels: readonly KernelRate[] }> {
  const graph = convolution(text);
  const [node] = graph.nodes;
  if (!node) throw new Error('no node');
  const { macs } = totalCost(graph);
  const before = limit();
  const times = await timeKernels(graph, node, { fma, rounds: 12, turnMs: 15 });
  const after = limit();
  const most: Limit = {
    median: (before.median + after.median) / 2,
    best: Math.max(before.best, after.best),
  };
  const kernels = times.map(({ kernel, medianMs, fastMs }) => ({
    kernel,
    medianMs,
    fastMs,
    rate: macs / medianMs / 1e6,
    share: macs / medianMs / 1e6 / most.median,
    fastShare: macs / fastMs / 1e6 / most.best,
  }));
  return { limit: most, kernels };
}
