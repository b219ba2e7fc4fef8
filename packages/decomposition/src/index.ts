export { allocate, type Choice } from './allocate.ts';
export { areaBetween, emitChain, type Stage, type StageOutline } from './chain.ts';
export { densePlan, optimalKernel } from './dense.ts';
export type { Disturbance } from './disturbance.ts';
export { gainsOf, withGains } from './fitted-errors.ts';
export { layerMetrics, sample, type Data, type FitOptions } from './fitting.ts';
export { fitGroups, type FittedLayer, type GroupFit } from './groups.ts';
export {
  areaOf,
  denseMacs,
  groupKernel,
  layerOf,
  type ConvSize,
  type KernelSize,
  type Layer,
} from './layer.ts';
export { dataMetric, kernelError, meanBias, type Metric } from './metric.ts';
export {
  amountOf,
  budgetOf,
  budgetOption,
  budgetOptions,
  fitOptions,
  macsBudget,
  requireOneTarget,
  type Budget,
  type DecompositionOptions,
} from './options.ts';
export type { Built, Decomposer, Fitting, Plan } from './plan.ts';
export type { NetworkCosts, Priced } from './price.ts';
export { chooseByRank, rankOptions, type RankOptions } from './rank.ts';
export {
  isRankPlan,
  rankPlans,
  type RankedGroup,
  type RankLimits,
  type RankMethod,
  type RankPlan,
} from './rank-plans.ts';
export { rectifiedTarget, refineForRelu, type Fit, type GroupRows, type Solver } from './relu.ts';
export {
  chooseWithin,
  costIn,
  costWith,
  decomposeLayers,
  refuseBudget,
  statistics,
  type Choices,
  type Counter,
  type Decomposition,
} from './run.ts';
