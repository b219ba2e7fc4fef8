export { cpu, gpu, gpuModes, reference, type GpuMode, type GpuOptions } from './backends.ts';
export * from './benchmark.ts';
export * from './bisect.ts';
export { batchingFor, compile, sizesFor, type Batching } from './compile.ts';
export * from './evaluate.ts';
export * from './inspect.ts';
export type { Ledger, LedgerChange, LedgerLayer, LedgerPass } from './ledger.ts';
export { openCalibration, type CalibrationSettings } from './calibrate.ts';
export * from './metadata.ts';
export * from './optimize.ts';
export * from './passes.ts';
export * from './profile.ts';
export * from './metrics.ts';
export * from './predict.ts';
export * from './report.ts';
export * from './search.ts';
export * from './speed.ts';
export * from './reproducer.ts';
export * from './table.ts';

export type {
  Backend,
  CompileOptions,
  Executable,
  ExecutableInfo,
  NodeTime,
  Tensors,
} from '@decouple/backend';
export {
  commonRates,
  compileAhead,
  cpuCostModel,
  type AheadFiles,
  type AheadOptions,
} from '@decouple/backend-cpu';
export type { Rates } from '@decouple/cost-model';
export {
  createCalibration,
  sampleDataset,
  syntheticDataset,
  syntheticKinds,
  tensorDataset,
  type Calibration,
  type Dataset,
  type Preprocess,
  type SyntheticKind,
  type SyntheticOptions,
} from '@decouple/calibration';
export {
  bindShapes,
  bindSymbols,
  costOf,
  graphBuilder,
  interpret,
  macsCostModel,
  parseGraph,
  printGraph,
  symbolsOf,
  totalCost,
  verify,
  type Cost,
  type CostModel,
  type Graph,
  type Node,
} from '@decouple/ir';
export {
  exportOnnx,
  importOnnx,
  type ExportOptions,
  type Imported,
  type ImportOptions,
  type ImportWarning,
} from '@decouple/onnx';
export { decodeDcpl, encodeDcpl } from '@decouple/dcpl';
export {
  definePass,
  describeGroups,
  describePass,
  formatOptionValue,
  formatPipeline,
  group,
  pipeline,
  optionsSchema,
  pipelineFromJson,
  pipelineSchema,
  pipelineToJson,
  repeat,
  step,
  type Pass,
  type GroupDescription,
  type OptionDescription,
  type PassContext,
  type PassDescription,
  type PassReport,
  type Pipeline,
  type PipelineEvent,
  type PipelineItem,
  type PipelineJson,
  type Print,
  type PrintAfter,
  type Rewrite,
  type RunContext,
} from '@decouple/pass-manager';
export * from '@decouple/tensor';
