/** Options of all commands that write ONNX. */
import type { WriteOptions } from 'decouple/node';

export const externalDataOption = [
  '--external-data',
  'weights in a second file, FILE.data (always when over 2 GiB)',
] as const;

export const writeOptions = ({
  opset,
  externalData,
}: {
  readonly opset?: number;
  readonly externalData?: boolean;
}): WriteOptions => ({
  ...(opset === undefined ? {} : { opset }),
  ...(externalData ? { externalData } : {}),
});
