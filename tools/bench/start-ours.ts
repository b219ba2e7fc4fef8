/** Starts a network as those do who use this project: from ONNX, or from its own format. */
import { readFile } from 'node:fs/promises';
import { prepareNode } from '@decouple/backend-cpu/node';
import { compile, cpu, decodeDcpl, importOnnx, tensor } from 'decouple';
import type { Load } from './starter.ts';

export const load: Load = async ({ file, input, shape }) => {
  prepareNode();
  const bytes = await readFile(file);
  const graph = file.endsWith('.dcpl') ? decodeDcpl(bytes) : importOnnx(bytes).graph;
  const executable = await compile(graph, cpu());
  return (data) => executable.run({ [input]: tensor('float32', shape, data) });
};
