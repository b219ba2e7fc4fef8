/** What the fuzzer and the processes that try inputs tell each other, and what no input may exceed. */
export const limits = {
  /** Processor time of one input. */
  ms: 1000,
  /** Memory that one input may add. */
  bytes: 5e8,
  /** Time without an answer after which an input counts as a hang. */
  hangMs: 20_000,
  inputBytes: 2 ** 16,
  /** Heap of the process, in MiB: more is a crash. */
  heapMiB: 700,
};

export interface ToChild {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** File that holds the input in work. */
  readonly current: string;
}

export interface Outcome {
  /** Empty when the input was accepted; the class of the error, after `bug: ` when it is not one of ours. */
  readonly error: string;
  readonly message: string;
  readonly ms: number;
  readonly bytes: number;
}

export type FromChild =
  | { readonly kind: 'start' }
  | { readonly kind: 'outcome'; readonly outcome: Outcome; readonly input: Uint8Array }
  | { readonly kind: 'end'; readonly peakBytes: number; readonly corpus: number };
