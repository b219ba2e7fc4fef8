/** Starts a network as those do who use this project: from ONNX, or from its own format. */
import { prepareNode } from '@decouple/backend-cpu/node';
import { readDcpl } from '@decouple/dcpl/node';
import { readOnnx } from '@decouple/onnx/node';
import { compile, cpu, tensor } from 'decouple';
import type { Load } from './starter.ts';

export const load: Load = async ({ file, input, shape }) => {
  prepareNode();
  const graph = file.endsWith('.dcpl') ? await readDcpl(file) : (await readOnnx(file)).graph;
  const executable = await compile(graph, cpu());
  return (data) => executable.run({ [input]: tensor('float32', shape, data) });
};
