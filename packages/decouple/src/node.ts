export { prepareNode } from '@decouple/backend-cpu/node';
export * from './node/ahead.ts';
export * from './node/backends.ts';
export * from './node/check.ts';
export { writeFileWhole, writeNpy } from './node/files.ts';
export { readModel, writeModel, type ReadModelOptions, type WriteOptions } from './node/models.ts';
export * from './node/machine.ts';
export * from './node/onnxruntime.ts';
export { folderStore } from './node/search-store.ts';
export * from './node/pass-modules.ts';
export * from './node/reproducers.ts';
export {
  openDataset,
  readNpy,
  readPreprocess,
  type FolderOptions,
} from '@decouple/calibration/node';
