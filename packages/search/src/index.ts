export { decompose, searchPasses } from './decompose.ts';
export { divergenceFrom, type Divergence } from './divergence.ts';
