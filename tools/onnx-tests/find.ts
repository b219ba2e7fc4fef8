/**
 * The layouts of ONNX's backend tests:
 *
 *   NAME/model.onnx, NAME/test_data_set_K/{input,output}_I.pb     a test per folder
 *   light_NAME.onnx, light_NAME_output_I.pb                       weights by ConstantOfShape, input arange(n)/n
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { DataError } from '@decouple/tensor';

export interface DataSet {
  /** Files in order of the model's inputs; `undefined` where the input is arange(n)/n in its shape. */
  readonly inputs: readonly string[] | undefined;
  readonly outputs: readonly string[];
}

export interface BackendTest {
  /** The folder of the test within the one searched; of a light model its path. */
  readonly name: string;
  readonly model: string;
  readonly dataSets: readonly DataSet[];
}

/** Files `<prefix>_0.pb`, `<prefix>_1.pb`, … as far as they go. */
function numbered(prefix: string): string[] {
  const files: string[] = [];
  while (existsSync(`${prefix}_${files.length}.pb`)) files.push(`${prefix}_${files.length}.pb`);
  return files;
}

function folderTest(folder: string, name: string): BackendTest {
  const sets = readdirSync(folder).filter((entry) => /^test_data_set_\d+$/.test(entry));
  const number = (set: string): number => Number(set.split('_').at(-1));
  return {
    name,
    model: join(folder, 'model.onnx'),
    dataSets: sets
      .sort((a, b) => number(a) - number(b))
      .map((set) => ({
        inputs: numbered(join(folder, set, 'input')),
        outputs: numbered(join(folder, set, 'output')),
      })),
  };
}

function lightTests(folder: string, files: readonly string[], root: string): BackendTest[] {
  return files.flatMap((file) => {
    const path = join(folder, file);
    const stem = path.replace(/\.onnx$/, '');
    const outputs = path === stem ? [] : numbered(`${stem}_output`);
    return outputs.length
      ? [{ name: relative(root, stem), model: path, dataSets: [{ inputs: undefined, outputs }] }]
      : [];
  });
}

function findIn(folder: string, root: string): BackendTest[] {
  const entries = readdirSync(folder).sort();
  if (entries.includes('model.onnx'))
    return [folderTest(folder, relative(root, folder) || basename(folder))];
  const folders = entries.filter((entry) => statSync(join(folder, entry)).isDirectory());
  return [
    ...lightTests(folder, entries, root),
    ...folders.flatMap((entry) => findIn(join(folder, entry), root)),
  ];
}

/**
 * All tests in a folder, by name.
 * @throws DataError when there is no such folder or it holds no tests.
 */
export function findTests(folder: string): BackendTest[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new DataError(`${folder}: not a folder`);
  const tests = findIn(folder, folder);
  if (!tests.length)
    throw new DataError(`${folder}: no tests; expected **/model.onnx with test_data_set_0`);
  return tests;
}
