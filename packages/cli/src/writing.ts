/** Options of all commands that write models. */
import { Option } from 'commander';
import type { WriteOptions } from 'decouple/node';

export const externalDataOption = [
  '--external-data',
  'weights in a second file, FILE.data (always when over 2 GiB)',
] as const;

/** How weights are stored: of compiled networks, and of .onnx and .dcpl files. */
export const weightsOption = (): Option =>
  new Option(
    '--weights <storage>',
    'how weights are stored: half precision or 8 bits per channel save space',
  )
    .choices(['f32', 'f16', 'i8'])
    .default('f32');

export const writeOptions = ({
  opset,
  externalData,
  weights,
}: Pick<WriteOptions, 'opset' | 'weights'> & {
  readonly externalData?: boolean;
}): WriteOptions => ({
  ...(opset === undefined ? {} : { opset }),
  ...(externalData ? { externalData } : {}),
  ...(weights === undefined ? {} : { weights }),
});
