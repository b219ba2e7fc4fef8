/** The way to build a layer that is always there: as it is, with its kernel refitted to its changed input. */
import { choleskyWithRidge, solveCholesky } from '@decouple/linalg';
import type { NodeOf } from '@decouple/ir';
import { float32 } from '@decouple/tensor';
import { fitGroups } from './groups.ts';
import { denseMacs, type Layer } from './layer.ts';
import type { Metric } from './metric.ts';
import type { Built, Fitting, Plan } from './plan.ts';

/** The best dense kernel in the metric, W* = R_λᵀ C_λ⁻¹, `[O, D]`. */
export function optimalKernel({ gram, cross, size, outputs }: Metric): Float64Array {
  const { factor } = choleskyWithRidge(gram, size);
  const solved = solveCholesky(factor, size, cross.slice(), outputs);
  const kernel = new Float64Array(outputs * size);
  for (let output = 0; output < outputs; output++)
    for (let at = 0; at < size; at++)
      kernel[output * size + at] = solved[at * outputs + output] as number;
  return kernel;
}

async function refit(fitting: Fitting): Promise<Built> {
  const { layer } = fitting;
  const { conv, size, group } = layer;
  const { groups, bias, kernel, error } = await fitGroups<Float64Array>(
    { ...fitting, relu: 0 },
    (metric) => ({
      factors: optimalKernel(metric),
      equivalent: (kernel) => kernel,
      refits: () => ({
        solve: (cross) => optimalKernel({ ...metric, cross }),
        kernel: (kernel) => kernel,
      }),
    }),
  );
  const weight = new Float32Array(layer.weight.length);
  groups.forEach((kernel, index) => weight.set(kernel, index * kernel.length));
  const [weightName, biasName] = [`${conv.name}/refit.weight`, `${conv.name}/refit.bias`];
  const [input, , , residual] = conv.inputs as [string, string, string?, string?];
  const inputs = [input, weightName, biasName, ...(residual ? [residual] : [])];
  const patch = {
    remove: [conv.name],
    add: [{ ...conv, inputs } as NodeOf<'conv2d'>],
    constants: [
      [weightName, float32([size.outChannels, group.inputs, ...size.kernel], weight)],
      [biasName, float32([bias.length], bias)],
    ] as const,
  };
  return { patch, error, kernel };
}

/** The layer as it is. */
export const densePlan = (layer: Layer): Plan => ({
  method: 'dense',
  macs: denseMacs(layer),
  params: layer.weight.length,
  outline: [],
  error: 0,
  columns: {},
  build: (fitting) => (fitting ? refit(fitting) : { patch: { remove: [] }, error: 0 }),
});
