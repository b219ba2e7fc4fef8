/** What data-driven passes see of the calibration data: values of any network, batch by batch. */
import type { Graph } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';

/** Values of one batch of calibration samples. */
export interface ObservedBatch {
  /** Index of the batch, and of its first sample in the whole set. */
  readonly index: number;
  readonly firstSample: number;
  readonly size: number;
  /** Tensors by value name; the first axis is the sample. Valid during the visit only. */
  readonly values: ReadonlyMap<string, Tensor>;
}

export interface Calibration {
  /** The network whose responses are the target: as imported, before any approximate pass. */
  readonly original: Graph;
  /** Number of samples. */
  readonly samples: number;
  readonly seed: number;
  /**
   * Runs `graph` on all samples and shows `values` of each batch, in a fixed order. Values already computed for an
   * identical part of a network are reused within a memory budget.
   * @throws ModelError when a value does not exist; AbortError when `signal` is aborted.
   */
  observe(
    graph: Graph,
    values: readonly string[],
    visit: (batch: ObservedBatch) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Frees cached activations and compiled networks. */
  dispose(): void;
}
