export { decouple, networkDecouplingPasses } from './pass.ts';
export {
  equivalentKernel,
  exactTerms,
  termsPerChannel,
  type Factors,
  type Form,
  type KernelSize,
} from './factors.ts';
export {
  decomposeSlices,
  energyCurve,
  firstTerms,
  selectTerms,
  type Keep,
  type Slices,
} from './slices.ts';
export { allocate, type Choice } from './allocate.ts';
export { emitReplacement, type Layout, type Replacement } from './emit.ts';
export { fitFactors, rectifiedTarget } from './fit.ts';
export { dataMetric, type Metric } from './metric.ts';
