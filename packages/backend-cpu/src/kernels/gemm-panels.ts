/** How the sums of matrix products are divided among tiles of pixels × vectors of four output channels. */

/** The sums of a full tile: see gemm-tile.ts. */
export const tileSums = 10;
/** Vectors of the widest panel. */
export const mostPanelVectors = 8;

/** Output channels that are computed together. */
export interface Panel {
  /** Vectors of four output channels. */
  readonly vectors: number;
  /** Channels of the last vector. */
  readonly lastLanes: number;
  readonly count: number;
}

/** Channels of a full panel where so many pixels lie in a line: wide ones make up for pixels that are missing. */
export const panelChannels = (pixels: number): number =>
  pixels === 1 ? 4 * mostPanelVectors : pixels === 2 ? 16 : 8;

/** Full panels of so many channels, then one for the rest. */
export function panelsOf(outChannels: number, channels: number): Panel[] {
  const rest = outChannels % channels;
  const vectors = Math.ceil(rest / 4);
  return [
    { vectors: channels / 4, lastLanes: 4, count: Math.floor(outChannels / channels) },
    { vectors, lastLanes: rest - 4 * (vectors - 1), count: rest ? 1 : 0 },
  ].filter((panel) => panel.count > 0);
}

/** Output channels with those that fill up the last vector. */
export const paddedChannels = (outChannels: number): number => Math.ceil(outChannels / 4) * 4;

/** Pixels of a full tile, of so many in a line. */
export const tilePixels = (vectors: number, pixels: number): number =>
  Math.min(pixels, Math.floor(tileSums / vectors));
