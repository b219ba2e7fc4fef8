/**
 * The colours of pages and pictures, for light and dark surroundings. Text on its surface has a contrast of at least
 * 4.5 in both; colours never carry what the text does not say.
 */
type Colour = readonly [light: string, dark: string];

export const palette = {
  page: ['#f7f7f5', '#14161a'],
  surface: ['#ffffff', '#1d2026'],
  line: ['#d5d5d0', '#3a3f49'],
  text: ['#1c1d20', '#e8e9ec'],
  muted: ['#5b5e66', '#a3a8b3'],
  accent: ['#1f5fbf', '#82b1ff'],
  onAccent: ['#ffffff', '#10203a'],
  before: ['#8d929d', '#7d8490'],
  after: ['#1f6fd0', '#6aa6ff'],
  bad: ['#b3261e', '#ff9a8f'],
  good: ['#1b6e3c', '#7fd6a0'],
  convolution: ['#dbe8fb', '#1f3556'],
  depthwise: ['#d8f0e3', '#1c4031'],
  pointwise: ['#e9e0f8', '#392b58'],
  linear: ['#fbe6d3', '#51361c'],
  pool: ['#f8f0c8', '#443d17'],
  unknown: ['#fbdcd9', '#56231f'],
  other: ['#ebebe8', '#2d3138'],
  end: ['#ffffff', '#1d2026'],
} as const satisfies Readonly<Record<string, Colour>>;

export type ColourName = keyof typeof palette;

/** CSS that declares every colour as a variable, `--surface`, which follows the page's `color-scheme`. */
export const paletteCss = (): string =>
  `:root{color-scheme:light dark;${Object.entries(palette)
    .map(([name, [light, dark]]) => `--${name}:light-dark(${light},${dark});`)
    .join('')}}`;
