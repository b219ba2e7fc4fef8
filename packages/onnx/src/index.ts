export {
  importOnnx,
  type Imported,
  type ImportOptions,
  type ImportWarning,
} from './import/import.ts';
