/** How far a network's outputs are from the original's on calibration data, without labels. */
import type { Calibration } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import { floats, type Tensor } from '@decouple/tensor';

/** Compares one network with the original. */
export type Divergence = (graph: Graph, signal?: AbortSignal) => Promise<number>;

/** Log-probabilities of one row of scores. */
function logSoftmax(row: Float32Array): Float64Array {
  const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
  return Float64Array.from(row, (value) => value - top - Math.log(sum));
}

/** Kullback-Leibler divergence from scores `p` to scores `q`, `[n, classes]`, summed over rows. */
function klOfScores(p: Float32Array, q: Float32Array, classes: number): number {
  let sum = 0;
  for (let row = 0; row < p.length; row += classes) {
    const [a, b] = [p, q].map((scores) => logSoftmax(scores.subarray(row, row + classes))) as [
      Float64Array,
      Float64Array,
    ];
    a.forEach((value, index) => (sum += Math.exp(value) * (value - (b[index] as number))));
  }
  return sum;
}

function squares(p: Float32Array, q: Float32Array): { error: number; power: number } {
  let [error, power] = [0, 0];
  for (let index = 0; index < p.length; index++) {
    error += ((q[index] as number) - (p[index] as number)) ** 2;
    power += (p[index] as number) ** 2;
  }
  return { error, power };
}

/** Scores or probabilities of classes: `[n, classes]`. */
const isClassifier = ({ shape }: Tensor): boolean => shape.length === 2 && (shape[1] as number) > 1;

/**
 * Divergence from the original network: for classifiers (first output `[n, classes]`) the mean Kullback-Leibler
 * divergence of softmax, in nats; for others the relative squared error over all outputs.
 * The original's outputs are computed once.
 */
export function divergenceFrom(calibration: Calibration): Divergence {
  const { original, samples } = calibration;
  const names = original.outputs;
  let wanted: ReadonlyMap<string, Tensor>[] | undefined;
  const originals = async (signal?: AbortSignal) => {
    if (wanted) return wanted;
    const batches: ReadonlyMap<string, Tensor>[] = [];
    await calibration.observe(
      original,
      names,
      ({ values }) => void batches.push(new Map(values)),
      signal,
    );
    return (wanted = batches);
  };
  return async (graph, signal) => {
    const expected = await originals(signal);
    let [divergence, error, power] = [0, 0, 0];
    await calibration.observe(
      graph,
      names,
      ({ index, values }) => {
        for (const [place, name] of names.entries()) {
          const [a, b] = [expected[index]?.get(name), values.get(name)] as [Tensor, Tensor];
          const [p, q] = [floats(a, name), floats(b, name)];
          if (isClassifier(a)) {
            if (place === 0) divergence += klOfScores(p, q, a.shape[1] as number);
          } else {
            const sums = squares(p, q);
            error += sums.error;
            power += sums.power;
          }
        }
      },
      signal,
    );
    return divergence / samples + (power > 0 ? error / power : error);
  };
}
