export * from './define-pass.ts';
