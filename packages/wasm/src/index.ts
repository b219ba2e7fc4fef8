export { ByteWriter } from './bytes.ts';
export {
  awaitCompiled,
  webAssembly,
  type WasmImports,
  type WasmInstance,
  type WasmMemory,
  type WasmModule,
  type WebAssemblyApi,
} from './engine.ts';
export { detectFeatures, type WasmFeatures } from './features.ts';
export {
  FunctionBuilder,
  type FunctionOptions,
  type I32Operand,
  type ParamLocals,
} from './function.ts';
export {
  ModuleBuilder,
  pageBytes,
  type MemoryOptions,
  type ModuleFunctionOptions,
} from './module.ts';
export {
  signatureOf,
  type Instruction,
  type LaneInstruction,
  type MemoryInstruction,
  type MemoryLaneInstruction,
} from './opcodes/instruction.ts';
export {
  atomicInstructions,
  laneInstructions,
  memoryInstructions,
  memoryLaneInstructions,
  plainInstructions,
  relaxedInstructions,
  type AtomicName,
  type LaneName,
  type MemoryLaneName,
  type MemoryName,
  type PlainName,
  type RelaxedName,
} from './opcodes/tables.ts';
export {
  AssemblerError,
  type Callable,
  type Label,
  type Local,
  type Signature,
  type ValueType,
} from './types.ts';
