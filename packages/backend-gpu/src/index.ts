export { gpu, type GpuOptions } from './gpu.ts';
export { gpuModes, type GpuMode } from './modes.ts';
export { describeKernels } from './kernels/index.ts';
