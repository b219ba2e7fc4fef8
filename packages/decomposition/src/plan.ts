/**
 * The contract between a decomposition method and the passes and searches that choose among methods. A decomposer
 * says for one convolution in which ways it could be built, each with its MACs and its error, cheaply enough for
 * hundreds of ways per layer; the ways that are chosen are then built, one layer after the other.
 */
import type { LayerRows } from '@decouple/calibration';
import type { Patch } from '@decouple/ir';
import type { StageOutline } from './chain.ts';
import type { Layer } from './layer.ts';
import type { Metric } from './metric.ts';

/** What a fit sees: moments and samples of the layer in the current network, and the responses it should give. */
export interface Fitting {
  readonly layer: Layer;
  /** One for each group. Shared: not to be written to. */
  readonly metrics: readonly Metric[];
  readonly rows: LayerRows;
  /** Iterations of the ReLU-aware refinement, at each of λ = 0.1 and 1. */
  readonly relu: number;
  /** Rounds of alternating fits of the factors. */
  readonly rounds: number;
}

/** A layer built: the patch that replaces it, and its error relative to the variance of the response. */
export interface Built {
  readonly patch: Patch;
  readonly error: number;
  /** Fitted to data: the dense kernel that it stands for, `[O, I/g·k]`. */
  readonly kernel?: Float64Array;
}

/** One way to build one layer. */
export interface Plan {
  /** `dense`, `dw-pw`, `vertical-horizontal`, … */
  readonly method: string;
  /** MACs per image and weights of the convolutions that replace the layer. */
  readonly macs: number;
  readonly params: number;
  /**
   * The convolutions that replace the layer, in order: what cost models other than MACs ask. Empty: as it is. Where
   * the form depends on details (unequal terms in classes), the plain form stands for it.
   */
  readonly outline: readonly StageOutline[];
  /** Relative squared error: of the weights without data, of the responses with data. */
  readonly error: number;
  /** What reports show beside the method: `{ rank: 12 }`, `{ terms: 2.5 }`. */
  readonly columns: Readonly<Record<string, string | number>>;
  /**
   * Builds it; from the weights alone without `fitting`. Plans are kept while all layers are planned: they must not
   * hold on to moments.
   */
  build(fitting: Fitting | undefined): Built | Promise<Built>;
}

/** A decomposition method. */
export interface Decomposer {
  readonly name: string;
  /** All that plans depend on besides layer and data. With it, plans are kept for later runs on the same data. */
  readonly key?: string;
  /** Why it leaves a layer alone; no numbers, no names. */
  refuses(layer: Layer): string | undefined;
  /** Ways to build the layer. @param metrics one for each group; without, the weights alone are compared. */
  plans(layer: Layer, metrics: readonly Metric[] | undefined): readonly Plan[];
}
