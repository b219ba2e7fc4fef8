/** What an application takes of this project to run ONNX files in a page; bundled to see how large that is. */
import { compile, cpu, importOnnx, type Executable } from 'decouple';

export const open = (bytes: Uint8Array): Promise<Executable> =>
  compile(importOnnx(bytes).graph, cpu());
