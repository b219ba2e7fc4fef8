export * from './define-pass.ts';
export * from './describe.ts';
export { editDistance, suggestion } from './nearest.ts';
export { pipeline, step } from './pipeline.ts';
export type { OptionValue, OptionValues, Pipeline, PipelineStep } from './pipeline.ts';
export * from './pipeline-text.ts';
export { runPipeline, type PipelineEvent, type RunOptions } from './driver.ts';
export type { PassReport, PipelineResult, SkipCount } from './report.ts';
