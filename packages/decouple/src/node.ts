export { prepareNode } from '@decouple/backend-cpu/node';
export * from './node/backends.ts';
export * from './node/files.ts';
export * from './node/models.ts';
export * from './node/onnxruntime.ts';
export {
  openDataset,
  readNpy,
  readPreprocess,
  type FolderOptions,
} from '@decouple/calibration/node';
