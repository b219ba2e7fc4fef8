/** How output channels are divided among tiles of a matrix product. */

/** Up to 16 output channels that are computed together. */
export interface Panel {
  /** Vectors of four output channels. */
  readonly vectors: number;
  /** Channels of the last vector. */
  readonly lastLanes: number;
  readonly count: number;
}

/** Full panels of 16 channels, then one for the rest. */
export function panelsOf(outChannels: number): Panel[] {
  const rest = outChannels % 16;
  const vectors = Math.ceil(rest / 4);
  return [
    { vectors: 4, lastLanes: 4, count: Math.floor(outChannels / 16) },
    { vectors, lastLanes: rest - 4 * (vectors - 1), count: rest ? 1 : 0 },
  ].filter((panel) => panel.count > 0);
}

/** Output channels with those that fill up the last vector. */
export const paddedChannels = (outChannels: number): number => Math.ceil(outChannels / 4) * 4;

/** Pixels of a tile by vectors of output channels: what fits 16 registers. */
export const tilePixels = (vectors: number): number => [0, 8, 4, 3, 2][vectors] as number;
