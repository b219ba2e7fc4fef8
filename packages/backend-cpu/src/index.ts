export { cpu, type CpuOptions } from './cpu.ts';
export { convKernels, type ConvKernel } from './kernels/conv-candidates.ts';
export { kernelsFor, timeKernels, type KernelTime, type TuneOptions } from './tune.ts';
export type { StartWorker, WorkerJob } from './workers.ts';
export { describeKernels } from './kernels/index.ts';
export { commonRates } from './common-rates.ts';
export { cpuCostModel, predictTimes, type PredictedTime } from './predict.ts';
export { probeCode, probeRates, probeVersion, probeSamples, type ProbeOptions } from './probe.ts';
export { compileAhead, type AheadFiles, type AheadOptions } from './ahead/compile-ahead.ts';
