/** What the page measures. */
export const engines = ['gpu', 'tfjs-webgl', 'one channel', 'loops'] as const;
export type Engine = (typeof engines)[number];

export interface Timing {
  readonly medianMs: number;
  readonly fastMs: number;
}
export interface Row {
  readonly name: string;
  readonly macs: number;
  readonly times: Readonly<Record<Engine, Timing>>;
  /** Largest difference from the loops, relative to their largest value. */
  readonly maxRel: number;
}
export interface Results {
  readonly machine: string;
  readonly rows: readonly Row[];
}
