export { decompose, searchPasses } from './decompose.ts';
export { divergenceFrom, type Divergence } from './divergence.ts';
export {
  searchPipelines,
  type Measured,
  type Quantity,
  type SearchProblem,
  type SearchProgress,
  type SearchResult,
  type Trial,
  type TrialStore,
} from './search.ts';
export { fillTemplate, requireTemplate } from './template.ts';
