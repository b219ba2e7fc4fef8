export * from './compile-checks.ts';
export * from './contract.ts';
export * from './interpreter-backend.ts';
export * from './kernel-table.ts';
export * from './known-values.ts';
export * from './memory-plan.ts';
export * from './profiling.ts';
