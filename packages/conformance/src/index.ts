export * from './cases.ts';
export * from './convolutions.ts';
export * from './random-graphs.ts';
export * from './suite.ts';
export * from './models/index.ts';
