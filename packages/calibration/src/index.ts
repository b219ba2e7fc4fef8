export * from './calibration.ts';
export * from './dataset.ts';
export { createFingerprints, type Fingerprints } from './fingerprint.ts';
export * from './layer-samples.ts';
export * from './moments.ts';
export * from './synthetic.ts';
