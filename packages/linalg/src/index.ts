export {
  NotPositiveDefiniteError,
  cholesky,
  choleskyWithRidge,
  invertSpd,
  solveCholesky,
  type RidgeFactor,
} from './cholesky.ts';
export {
  conjugateGradient,
  type ConjugateGradientOptions,
  type ConjugateGradientResult,
} from './conjugate-gradient.ts';
export {
  addCross,
  addGram,
  gemm,
  symmetrize,
  type CrossShape,
  type GemmOptions,
  type RealArray,
} from './gemm.ts';
