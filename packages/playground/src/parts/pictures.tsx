/** The user's own pictures: what the original and the optimised network say to them. */
import { formatPercent } from '@decouple/report';
import type { JSX } from 'preact';
import type { Guess } from '../worker/pictures.ts';
import type { Guesses } from '../worker/session.ts';
import { FileDrop, Panel } from './controls.tsx';

/** A picture with what the networks say, or why they say nothing. */
export interface Tried {
  readonly name: string;
  /** Address of the picture within the page. */
  readonly url: string;
  readonly answer: Guesses | { readonly failed: string };
}

const GuessList = ({ title, guesses }: { title: string; guesses: readonly Guess[] }) => (
  <div>
    <h3>{title}</h3>
    <ol class="guesses">
      {guesses.map(({ label, share }) => (
        <li key={label}>
          <span>{label}</span>
          <meter min={0} max={1} value={share} aria-label={label} />
          <span class="figures">{formatPercent(100 * share)}</span>
        </li>
      ))}
    </ol>
  </div>
);

function TriedPicture({ tried }: { tried: Tried }): JSX.Element {
  const { name, url, answer } = tried;
  return (
    <li class="tried">
      <img src={url} alt={name} width={96} height={96} />
      {'failed' in answer ? (
        <p class="failure">{answer.failed}</p>
      ) : (
        <>
          <GuessList title="before" guesses={answer.before} />
          {answer.after && <GuessList title="after" guesses={answer.after} />}
        </>
      )}
    </li>
  );
}

export interface PicturesPanelProps {
  /** Rows and columns that the network takes. */
  readonly size: readonly [number, number];
  readonly tried: readonly Tried[];
  readonly busy: boolean;
  readonly onFiles: (files: readonly File[]) => void;
}

/** The panel of pictures. */
export const PicturesPanel = ({ size, tried, busy, onFiles }: PicturesPanelProps): JSX.Element => (
  <Panel title="Your pictures">
    <FileDrop
      label={`Drop pictures here, or choose some; they are cut and scaled to ${size[1]}×${size[0]}`}
      accept="image/*"
      several
      disabled={busy}
      onFiles={onFiles}
    />
    <ul class="plain">
      {tried.map((each) => (
        <TriedPicture key={each.url} tried={each} />
      ))}
    </ul>
  </Panel>
);
