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

/** Widths of full panels, in vectors, for lines of several tiles: with them tiles have 10, 9 and 10 sums. */
const widths = [2, 3, 5];
/** The widths where one tile holds the whole line. Each weight is read once then, and that takes longer than sums. */
const shortWidths: Readonly<Record<number, number>> = {
  1: mostPanelVectors,
  2: 4,
  3: 2,
  4: 2,
  5: 2,
};

/** Tiles of a line of pixels in all panels. A tile with fewer sums takes as long as a full one. */
const tilesOf = (pixels: number, outChannels: number, width: number): number =>
  panelsOf(outChannels, 4 * width).reduce(
    (sum, { vectors, count }) => sum + count * Math.ceil(pixels / tilePixels(vectors, pixels)),
    0,
  );

/** Narrow panels read fewer weights for each sum: wider ones must save so many of the tiles. */
const leastSaving = 0.05;

/** Channels of a full panel: the width that needs the fewest tiles. */
export function panelChannels(pixels: number, outChannels: number): number {
  const short = shortWidths[pixels];
  if (short !== undefined) return 4 * short;
  const tiles = (width: number): number => tilesOf(pixels, outChannels, width);
  return (
    4 *
    widths.reduce((best, width) => (tiles(width) < (1 - leastSaving) * tiles(best) ? width : best))
  );
}
