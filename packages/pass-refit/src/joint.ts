/**
 * Refits all convolutions of a segment together, in the data metric, by alternation: with the others fixed the error
 * is a quadratic function of one convolution's weights w,
 *
 *   Ŵ(w) = later ∘ w ∘ earlier      normal equations   adj(Ŵ(w)·C_λ) = adj(R_λᵀ)
 *
 * and a few conjugate gradient steps from the current weights lower it; the error never rises.
 */
import { kernelError, type Metric, type Solver } from '@decouple/decomposition';
import {
  choleskyWithRidge,
  conjugateGradient,
  gemm,
  multiplyAdd,
  solveCholesky,
  transposedCopy,
  view,
} from '@decouple/linalg';
import {
  adjointOfEarlier,
  adjointOfLater,
  collapseGroups,
  compose,
  expandGroups,
  fromRows,
  toRows,
  unit,
  type Kernel,
} from './kernel.ts';
import { composed, type Stage } from './segment.ts';

/** Conjugate gradient steps for one convolution in one round. */
const steps = 10;

/** The linear map from one stage's kernel to the whole one, and its adjoint. */
interface Surroundings {
  readonly whole: (kernel: Kernel) => Kernel;
  readonly adjoint: (gradient: Kernel, kernel: readonly [number, number]) => Kernel;
}

function surroundings(stages: readonly Stage[], index: number): Surroundings {
  const [earlier, later] = [composed(stages.slice(0, index)), composed(stages.slice(index + 1))];
  return {
    whole(kernel: Kernel): Kernel {
      const inner = earlier ? compose(kernel, earlier) : kernel;
      return later ? compose(later, inner) : inner;
    },
    adjoint(gradient: Kernel, kernel: readonly [number, number]): Kernel {
      const inner: [number, number] = earlier
        ? [kernel[0] * earlier.kernel[0], kernel[1] * earlier.kernel[1]]
        : [...kernel];
      const left = later ? adjointOfEarlier(gradient, later, inner) : gradient;
      return earlier ? adjointOfLater(left, earlier, kernel) : left;
    },
  };
}

/** R_λᵀ as a kernel. */
function targetKernel({ cross, size, outputs }: Metric, whole: Kernel): Kernel {
  const rows = new Float64Array(outputs * size);
  for (let output = 0; output < outputs; output++)
    for (let index = 0; index < size; index++)
      rows[output * size + index] = cross[index * outputs + output] as number;
  return fromRows(rows, whole.outputs, whole.inputs, whole.kernel);
}

/** Ŵ·C_λ as a kernel. */
function timesGram({ gram, size, outputs }: Metric, whole: Kernel): Kernel {
  const product = new Float64Array(outputs * size);
  multiplyAdd(view(product, size), view(toRows(whole), size), view(gram, size), {
    m: outputs,
    n: size,
    k: size,
  });
  return fromRows(product, whole.outputs, whole.inputs, whole.kernel);
}

/** Lowers the error by new weights of one convolution. */
export function refitStage(metric: Metric, stages: readonly Stage[], index: number): Stage {
  const stage = stages[index] as Stage;
  const { kernel, groups = 1 } = stage;
  const { whole, adjoint } = surroundings(stages, index);
  const expand = (weights: ArrayLike<number>): Kernel =>
    expandGroups(weights, kernel.outputs, kernel.inputs / groups, kernel.kernel, groups);
  const project = (gradient: Kernel): Float64Array =>
    collapseGroups(adjoint(gradient, kernel.kernel), groups);
  const start = collapseGroups(kernel, groups);
  const { x } = conjugateGradient(
    (weights, result) => result.set(project(timesGram(metric, whole(expand(weights))))),
    project(targetKernel(metric, whole(kernel))),
    { start, maxIterations: steps, tolerance: 1e-9 },
  );
  return { ...stage, kernel: expand(x) };
}

/** Rounds over all convolutions, the last one first. */
export function refitJointly(
  metric: Metric,
  start: readonly Stage[],
  rounds: number,
): { stages: readonly Stage[]; error: number } {
  let stages = [...start];
  const order = stages.map((_, index) => index).reverse();
  for (let round = 0; round < rounds; round++)
    for (const index of order)
      if (stages[index]?.groups !== undefined)
        stages = stages.with(index, refitStage(metric, stages, index));
  return { stages, error: kernelError(metric, toRows(composed(stages) as Kernel)) };
}

/**
 * The last convolution's weights, solved for with the others fixed: its features are what it reads at each of its taps.
 * `undefined` when its channels are grouped.
 */
export function lastSolver(
  metric: Metric,
  stages: readonly Stage[],
): Solver<readonly Stage[]> | undefined {
  const last = stages.at(-1) as Stage;
  if (last.groups !== 1) return undefined;
  const { outputs, inputs, kernel } = last.kernel;
  const earlier = composed(stages.slice(0, -1));
  const taps = unit(inputs, kernel);
  const basis = toRows(earlier ? compose(taps, earlier) : taps);
  const [size, { size: patch }] = [taps.outputs, metric];
  const seen = gemm({ m: size, n: patch, k: patch, a: basis, b: metric.gram });
  const gram = gemm({ m: size, n: size, k: patch, a: seen, b: basis, transB: true });
  const { factor } = choleskyWithRidge(gram, size);
  return {
    basis,
    solve: (cross) => {
      const rows = transposedCopy(solveCholesky(factor, size, cross, outputs), size, outputs);
      return stages.with(-1, { ...last, kernel: fromRows(rows, outputs, inputs, kernel) });
    },
    kernel: (solved) => toRows((solved.at(-1) as Stage).kernel),
  };
}
