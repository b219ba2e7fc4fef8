export { cpu, type CpuOptions } from './cpu.ts';
export { convKernels, type ConvKernel } from './kernels/conv-candidates.ts';
