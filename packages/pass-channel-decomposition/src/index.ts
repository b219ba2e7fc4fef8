export { channelDecompose, channelDecomposition, channelDecompositionPasses } from './pass.ts';
export {
  equivalentKernel,
  exactRank,
  factorsOf,
  type Directions,
  type Factors,
} from './factors.ts';
export { directing, weightDirections, type Directing, type Method } from './methods.ts';
export { onPrincipalInputs } from './principal-inputs.ts';
