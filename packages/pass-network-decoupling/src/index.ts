export { decouple, decoupling, networkDecouplingPasses } from './pass.ts';
export {
  equivalentKernel,
  exactTerms,
  termsPerChannel,
  type Factors,
  type Form,
} from './factors.ts';
export {
  decomposeSlices,
  energyCurve,
  firstTerms,
  selectTerms,
  type Keep,
  type Slices,
} from './slices.ts';
export { emitReplacement, type Layout, type Replacement } from './emit.ts';
export { fitFactors } from './fit.ts';
