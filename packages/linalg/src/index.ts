export {
  addCross,
  addGram,
  gemm,
  symmetrize,
  type CrossShape,
  type GemmOptions,
  type RealArray,
} from './gemm.ts';
