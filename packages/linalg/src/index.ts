export {
  NotPositiveDefiniteError,
  cholesky,
  choleskyWithRidge,
  inverseFromCholesky,
  solveCholesky,
  solveLower,
  type RidgeFactor,
} from './cholesky.ts';
export {
  conjugateGradient,
  type ConjugateGradientOptions,
  type ConjugateGradientResult,
} from './conjugate-gradient.ts';
export { symmetricEigen, topEigen } from './eigen.ts';
export type { Eigen } from './eigenpairs.ts';
export {
  addCross,
  addGram,
  gemm,
  symmetrize,
  type CrossShape,
  type GemmOptions,
  type RealArray,
} from './gemm.ts';
export { jacobiEigen } from './jacobi.ts';
export { lasso, lassoOfCount, type LassoOptions, type LassoSelection } from './lasso.ts';
export { nonNegativeLeastSquares } from './nonnegative.ts';
export {
  multiplyAdd,
  part,
  transposed,
  transposedCopy,
  view,
  type AnyView,
  type ProductShape,
  type View,
} from './multiply.ts';
export {
  reducedRankRegression,
  reducedRankSolver,
  truncatedSvd,
  type ReducedRankRegression,
  type Svd,
} from './svd.ts';
