/**
 * Kernels of single convolutions: multiply-adds a second, and their share of what the core can do with 128-bit
 * vectors, measured in turns with the kernels. Winograd's kernels count the multiply-adds of the plain convolution.
 *
 *   npm run bench:kernels                         the standard shapes
 *   npm run bench:kernels -- 56,64,64,3 14,512,512,1,2      size,in,out,kernel[,stride[,groups]]
 *   npm run bench:kernels -- --plain              without fused multiply-add
 */
import { parseArgs } from 'node:util';
import { prepareNode } from '@decouple/backend-cpu/node';
import { timeKernels } from '@decouple/backend-cpu';
import { graphBuilder, totalCost, type Graph } from '@decouple/ir';
import { createRandom, float32, normals, sizeOf } from '@decouple/tensor';
import { significant } from 'decouple';
import { macsPerBurst, peakBurst } from './peak.ts';

const standard = [
  '224,3,64,3',
  '224,64,64,3',
  '112,128,128,3',
  '56,256,256,3',
  '28,512,512,3',
  '14,512,512,3',
  '28,256,256,1',
  '14,512,512,1',
  '7,1024,1024,1',
  '56,64,256,1',
  '224,3,64,7,2',
  '56,64,128,3,2',
  '32,16,16,3',
  '8,64,64,3',
  '4,256,256,3',
  '2,256,256,3',
  '56,256,256,3,1,256',
  '112,64,64,3,2,64',
  '28,256,512,3,1,256',
  '28,512,256,3,1,256',
];

function graphOf(text: string): Graph {
  const [size, channels, outChannels, kernel, stride = 1, groups = 1] = text
    .split(',')
    .map(Number) as [number, number, number, number, number?, number?];
  const shape = [outChannels, channels / groups, kernel, kernel];
  const b = graphBuilder(text);
  const scale = Math.sqrt(2 / ((channels / groups) * kernel * kernel));
  const weight = float32(shape, normals(createRandom(1), sizeOf(shape), scale));
  const pad = kernel >> 1;
  const y = b.node(
    'conv2d',
    [
      b.input('x', [1, channels, size, size]),
      b.constant('w', weight),
      b.constant('b', float32([outChannels], new Float32Array(outChannels))),
    ],
    {
      pads: [pad, pad, pad, pad],
      stride: [stride, stride],
      groups,
      activation: { kind: 'relu' },
    },
  );
  return b.build([y]);
}

/** Multiply-adds in 10⁹ a second: the best of several bursts. */
function peak(burst: () => void): number {
  let best = Infinity;
  for (let round = 0; round < 10; round++) {
    const start = performance.now();
    burst();
    best = Math.min(best, performance.now() - start);
  }
  return macsPerBurst / best / 1e6;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { plain: { type: 'boolean', default: false } },
  });
  const fma = prepareNode().relaxedSimd && !values.plain;
  const burst = peakBurst(fma);
  burst();
  for (const text of positionals.length ? positionals : standard) {
    const graph = graphOf(text);
    const [node] = graph.nodes;
    if (!node) throw new Error('no node');
    const { macs } = totalCost(graph);
    const before = peak(burst);
    const times = await timeKernels(graph, node, { fma, rounds: 12, turnMs: 15 });
    const limit = Math.max(before, peak(burst));
    const cells = times.map(({ kernel, medianMs, fastMs }) => {
      const rate = macs / fastMs / 1e6;
      return `${kernel} ${significant(fastMs)} (${significant(medianMs)}) ms ${rate.toFixed(1)} GMAC/s ${(rate / limit).toFixed(2)}`;
    });
    console.log(`${text.padEnd(20)} limit ${limit.toFixed(1)}   ${cells.join('   ')}`);
  }
}

await main();
