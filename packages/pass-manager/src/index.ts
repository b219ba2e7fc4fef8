export { changesBetween, formatChanges, hasChanged, type GraphChanges } from './changes.ts';
export * from './define-pass.ts';
export * from './describe.ts';
export { editDistance, suggestion } from './nearest.ts';
export { group, pipeline, repeat, step, stepsOf } from './pipeline.ts';
export type {
  OptionValue,
  OptionValues,
  Pipeline,
  PipelineGroup,
  PipelineItem,
  PipelineRepeat,
  PipelineStep,
} from './pipeline.ts';
export * from './pipeline-json.ts';
export * from './pipeline-text.ts';
export { runPipeline, type PassFailure, type PipelineEvent, type RunOptions } from './driver.ts';
export type { Print, PrintAfter } from './print.ts';
export type { PassReport, PipelineResult, SkipCount } from './report.ts';
export type { Rewrite } from './rewrites.ts';
