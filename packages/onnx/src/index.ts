export {
  checkOnnx,
  importOnnx,
  type Checked,
  type Imported,
  type ImportOptions,
  type ImportWarning,
} from './import/import.ts';
export { exportOnnx, type ExportOptions } from './export/export.ts';
export { decodeTensor, operatorsOf, type DeclaredTensor } from './declared.ts';
export { importedOperators } from './import/importers.ts';
