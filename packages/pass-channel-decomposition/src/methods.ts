/**
 * Directions of the outputs, by four methods. C and R are the Gram and the cross moment of the data metric, W the
 * original kernel, G = W·C·Wᵀ and X = W·R the same for the responses of the original kernel to the current input:
 *
 *   weights        M = W            U: left singular vectors of W
 *   symmetric      M = W            U: principal components of the responses, eigenvectors of G
 *   asymmetric     M = (XᵀG⁻¹)·W    U: eigenvectors of XᵀG⁻¹X; regression of the wanted on the current responses
 *   reduced-rank   M = RᵀC⁻¹        U: eigenvectors of RᵀC⁻¹R; regression of the wanted responses on patches
 *
 * The first three keep the filters in the row space of W, the last one does not; its error is the least possible.
 * Source: Zhang et al., arXiv 1505.06798, sections 3.1 and 3.3; reduced-rank regression is Izenman's (1975).
 */
import type { Metric } from '@decouple/decomposition';
import {
  gemm,
  multiplyAdd,
  reducedRankSolver,
  topEigen,
  truncatedSvd,
  view,
} from '@decouple/linalg';
import type { Directions } from './factors.ts';

export type Method = 'weights' | 'symmetric' | 'asymmetric' | 'reduced-rank';

/** Finds up to `rank` directions for a cross moment R `[D, O]`. */
export type Directing = (cross: Float64Array, rank: number) => Directions;

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** From the weights alone. @param kernel W `[O, D]`. */
export function weightDirections(
  kernel: ArrayLike<number>,
  outputs: number,
  rank: number,
): Directions {
  const own = Float64Array.from(kernel);
  const { values, left } = truncatedSvd(own, outputs, own.length / outputs, rank);
  const total = own.reduce((sum, value) => sum + value * value, 0);
  return { kernel: own, vectors: left, energy: values.map((value) => value * value), total };
}

/** G = W·C·Wᵀ `[O, O]`. */
function responseGram({ gram, size, outputs }: Metric, kernel: Float64Array): Float64Array {
  const shape = { m: outputs, n: size, k: size };
  const product = gemm({ ...shape, a: kernel, b: gram });
  return gemm({ m: outputs, n: outputs, k: size, a: product, b: kernel, transB: true });
}

const traceOf = (matrix: Float64Array, size: number): number =>
  sumOf(Float64Array.from({ length: size }, (_, at) => matrix[at * size + at] as number));

/** Reduced-rank regression on patches. */
function fromPatches(metric: Metric): Directing {
  const { gram, size, outputs } = metric;
  const solve = reducedRankSolver(gram, size);
  return (cross, rank) => {
    const { coefficients, directions, values } = solve(cross, outputs, rank);
    const total = explained(coefficients, cross, size, outputs);
    return { kernel: coefficients, vectors: directions, energy: values, total };
  };
}

/** tr(B·R): what the best map of full rank explains. */
function explained(
  coefficients: Float64Array,
  cross: Float64Array,
  size: number,
  outputs: number,
): number {
  let sum = 0;
  for (let at = 0; at < size; at++)
    for (let output = 0; output < outputs; output++)
      sum +=
        (coefficients[output * size + at] as number) * (cross[at * outputs + output] as number);
  return sum;
}

/** Reduced-rank regression on the responses of the original kernel. */
function fromResponses(metric: Metric, kernel: Float64Array): Directing {
  const { size, outputs } = metric;
  const solve = reducedRankSolver(responseGram(metric, kernel), outputs);
  return (cross, rank) => {
    const own = gemm({ m: outputs, n: outputs, k: size, a: kernel, b: cross });
    const { coefficients, directions, values } = solve(own, outputs, rank);
    return {
      kernel: gemm({ m: outputs, n: size, k: outputs, a: coefficients, b: kernel }),
      vectors: directions,
      energy: values,
      total: explained(coefficients, own, outputs, outputs),
    };
  };
}

/** Directions that do not depend on the wanted responses. */
function fixed(metric: Metric, kernel: Float64Array, method: 'weights' | 'symmetric'): Directing {
  return (_, rank) => {
    if (method === 'weights') return weightDirections(kernel, metric.outputs, rank);
    const gram = responseGram(metric, kernel);
    const { values, vectors } = topEigen(gram, metric.outputs, rank);
    const energy = values.map((value) => Math.max(0, value));
    return { kernel, vectors, energy, total: traceOf(gram, metric.outputs) };
  };
}

/** A method in a data metric; what can be factored is factored once. @param kernel W `[O, D]`. */
export function directing(method: Method, metric: Metric, kernel: Float64Array): Directing {
  if (method === 'reduced-rank') return fromPatches(metric);
  return method === 'asymmetric' ? fromResponses(metric, kernel) : fixed(metric, kernel, method);
}

/** The same for wanted responses that change, as the ReLU-aware refinement asks for. */
export const redirecting = (method: Method, metric: Metric, kernel: Float64Array): Directing =>
  directing(method === 'reduced-rank' ? method : 'asymmetric', metric, kernel);

/**
 * By how much each direction lowers the error: those are nested, U_d·U_dᵀ·M has the sum of the first d.
 * Of direction u it is 2·u·M·R·u - u·M·C·Mᵀ·u.
 */
export function gains(metric: Metric, { kernel, vectors }: Directions): Float64Array {
  const { cross, size, outputs } = metric;
  const count = vectors.length / outputs;
  const linear = gemm({ m: outputs, n: outputs, k: size, a: kernel, b: cross });
  const form = responseGram(metric, kernel).map((value, at) => 2 * (linear[at] as number) - value);
  const products = new Float64Array(count * outputs);
  multiplyAdd(view(products, outputs), view(vectors, outputs), view(form, outputs), {
    m: count,
    n: outputs,
    k: outputs,
  });
  return Float64Array.from({ length: count }, (_, row) =>
    sumOf(
      products
        .subarray(row * outputs, (row + 1) * outputs)
        .map((value, at) => value * (vectors[row * outputs + at] as number)),
    ),
  );
}
