export { spatialDecompose, spatialDecomposition, spatialDecompositionPasses } from './pass.ts';
export {
  equivalentKernel,
  exactRank,
  splitOf,
  type Factors,
  type Order,
  type Split,
} from './factors.ts';
export { decomposeWeights, type Decomposed } from './weights.ts';
export { fitFactors } from './plans.ts';
