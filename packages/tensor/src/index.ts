export * from './compact.ts';
export * from './errors.ts';
export * from './npy.ts';
export * from './random.ts';
export * from './rounding.ts';
export * from './tensor.ts';
export * from './turn.ts';
