/** What the page measures. */
export const engines = ['gpu', 'tfjs-webgl', 'one channel', 'loops'] as const;
export type Engine = (typeof engines)[number];

export interface Timing {
  readonly medianMs: number;
  readonly fastMs: number;
}
/** Milliseconds of the gpu backend's parts, each waited for. */
export interface Parts {
  readonly upload: number;
  readonly kernels: number;
  readonly readback: number;
}
export interface Row {
  readonly name: string;
  readonly macs: number;
  readonly times: Readonly<Record<Engine, Timing>>;
  readonly parts: Parts;
  /** Largest difference from the loops, relative to their largest value. */
  readonly maxRel: number;
}
export interface Results {
  readonly machine: string;
  readonly rows: readonly Row[];
}
