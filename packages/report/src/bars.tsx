/** Bars of a quantity before and after. The figures stand beside them: bars add nothing for those who can't see them. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { JSX } from 'preact';

export interface BarsProps {
  readonly before: number;
  readonly after: number;
  /** What a full bar stands for. */
  readonly most: number;
}

function Bar({ part, kind }: { part: number; kind: 'before' | 'after' }): JSX.Element {
  const width = Math.min(100, Math.max(0, 100 * part));
  return <span class={`bar ${kind}`} style={`width:${Number(width.toFixed(2))}%`} />;
}

/** Two bars, one below the other. */
export function Bars({ before, after, most }: BarsProps): JSX.Element {
  const scale = most > 0 ? 1 / most : 0;
  return (
    <span class="bars" aria-hidden="true">
      <Bar part={before * scale} kind="before" />
      <Bar part={after * scale} kind="after" />
    </span>
  );
}

/** What the two colours mean. */
export const BarsLegend = (): JSX.Element => (
  <p class="legend" aria-hidden="true">
    <span class="bar before" /> before <span class="bar after" /> after
  </p>
);
