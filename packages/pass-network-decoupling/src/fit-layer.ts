/**
 * Data-driven fits of one layer of the current network: decoupled, or dense and only refitted to its changed input.
 */
import { sampleLayer, type Calibration, type LayerRows } from '@decouple/calibration';
import { applyPatch, type Graph, type NodeOf } from '@decouple/ir';
import { choleskyWithRidge, solveCholesky } from '@decouple/linalg';
import { float32 } from '@decouple/tensor';
import { layerMetrics, startFactors, type Decoupled } from './candidates.ts';
import { equivalentKernel, type Factors } from './factors.ts';
import { errorOf, fitFactors, refineForRelu, type Fit } from './fit.ts';
import { groupKernel, type Layer } from './layer.ts';
import { meanBias, type Metric } from './metric.ts';
import type { Options } from './options.ts';

/** Conjugate gradient steps of one depthwise refit. */
const steps = 12;

/**
 * Rows of a fit: at least four per unknown of a row of the dense kernel, and for small kernels as many as keep the
 * samples below twelve million numbers. Planning only compares candidates and needs half of them.
 */
export function rowsFor(patchSize: number, purpose: 'plan' | 'fit'): number {
  const rows = Math.max(4 * patchSize, Math.min(16384, Math.ceil(12e6 / patchSize)));
  return purpose === 'plan' ? Math.ceil(rows / 2) : rows;
}

/** What data-driven fits need besides the layer. */
export interface Data {
  readonly calibration: Calibration;
  readonly given: Options;
  readonly signal: AbortSignal;
}

/** Samples a layer of `graph`. @param pending layers that are still to be replaced. */
export function sample(
  data: Data,
  graph: Graph,
  layer: Layer,
  purpose: 'plan' | 'fit',
  pending: ReadonlySet<string> = new Set(),
): Promise<LayerRows> {
  return sampleLayer(data.calibration, graph, layer.conv, {
    pointsPerImage: data.given.points,
    maxRows: rowsFor(layer.group.inputs * layer.group.taps, purpose),
    pending,
    signal: data.signal,
  });
}

/** The parts of a decoupled layer. */
export interface Built {
  readonly groups: readonly Factors[];
  readonly bias?: Float32Array;
  readonly error: number;
}

/** Fits every group to the original responses, from the current network's inputs. */
export async function fitLayer(
  data: Data,
  graph: Graph,
  layer: Layer,
  candidate: Decoupled,
  pending: ReadonlySet<string>,
): Promise<Built> {
  const rows = await sample(data, graph, layer, 'fit', pending);
  const metrics = await layerMetrics(layer, rows, data.given.ridge);
  const bias = new Float32Array(layer.size.outChannels);
  const groups: Factors[] = [];
  let error = 0;
  for (const [index, start] of startFactors(layer, candidate).entries()) {
    const metric = metrics[index] as Metric;
    const kernel = groupKernel(layer, index);
    const factors = fitFactors(metric, start, { rounds: data.given.rounds, steps });
    let fit: Fit = { factors, bias: biasOf(metric, factors) };
    error += errorOf(metric, factors) * metric.targetVariance;
    if (data.given.relu > 0 && rows.response.relu) {
      const place = {
        layer: rows,
        firstPatch: index * metric.size,
        firstOutput: index * metric.outputs,
      };
      fit = await refineForRelu(metric, kernel, place, fit, [
        [data.given.relu, 0.1],
        [data.given.relu, 1],
      ]);
    }
    groups.push(fit.factors);
    bias.set(fit.bias, index * metric.outputs);
  }
  const variance = metrics.reduce((sum, metric) => sum + metric.targetVariance, 0);
  return { groups, bias, error: variance > 0 ? error / variance : 0 };
}

/** The graph with the layer's own kernel refitted to its changed input: W* = R_λᵀ C_λ⁻¹. */
export async function refitDense(
  data: Data,
  graph: Graph,
  layer: Layer,
  pending: ReadonlySet<string>,
): Promise<Graph> {
  const rows = await sample(data, graph, layer, 'fit', pending);
  const metrics = await layerMetrics(layer, rows, data.given.ridge);
  const weight = new Float32Array(layer.weight.length);
  const bias = new Float32Array(layer.size.outChannels);
  metrics.forEach((metric, index) => {
    const { size, outputs } = metric;
    const { factor } = choleskyWithRidge(metric.gram, size);
    const solved = solveCholesky(factor, size, metric.cross.slice(), outputs);
    const kernel = new Float64Array(outputs * size);
    for (let output = 0; output < outputs; output++)
      for (let at = 0; at < size; at++)
        kernel[output * size + at] = solved[at * outputs + output] as number;
    weight.set(kernel, index * kernel.length);
    bias.set(meanBias(metric, kernel), index * outputs);
  });
  const { conv } = layer;
  const [weightName, biasName] = [`${conv.name}/refit.weight`, `${conv.name}/refit.bias`];
  const node = {
    ...conv,
    inputs: [conv.inputs[0] as string, weightName, biasName],
  } as NodeOf<'conv2d'>;
  const shape = [layer.size.outChannels, layer.group.inputs, ...layer.kernel];
  return applyPatch(graph, {
    remove: [conv.name],
    add: [node],
    constants: [
      [weightName, float32(shape, weight)],
      [biasName, float32([bias.length], bias)],
    ],
  });
}

const biasOf = (metric: Metric, factors: Factors): Float64Array =>
  meanBias(metric, equivalentKernel(factors));
