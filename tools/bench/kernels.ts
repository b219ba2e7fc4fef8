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
import { significant } from 'decouple';
import { kernelRates, limitProbe } from './convolutions.ts';

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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { plain: { type: 'boolean', default: false } },
});
const fma = prepareNode().relaxedSimd && !values.plain;
const limit = limitProbe(fma);
for (const text of positionals.length ? positionals : standard) {
  const { limit: most, kernels } = await kernelRates(text, fma, limit);
  const cells = kernels.map(
    ({ kernel, medianMs, fastMs, fastShare }) =>
      `${kernel} ${significant(fastMs)} (${significant(medianMs)}) ms ${(fastShare * most.best).toFixed(1)} GMAC/s ${fastShare.toFixed(2)}`,
  );
  console.log(`${text.padEnd(20)} limit ${most.best.toFixed(1)}   ${cells.join('   ')}`);
}
