export * from './calibration.ts';
export * from './dataset.ts';
export * from './layer-samples.ts';
export * from './moments.ts';
