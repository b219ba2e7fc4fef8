/** The page's head: what it is, what the browser gives it, and the choice of light or dark. */
import type { JSX } from 'preact';
import type { Surroundings } from '../worker/setups.ts';

const themes = [
  ['light dark', 'as the system'],
  ['light', 'light'],
  ['dark', 'dark'],
] as const;

export function Header({ surroundings }: { surroundings: Surroundings | undefined }): JSX.Element {
  const threads = surroundings?.threads ?? 1;
  return (
    <header>
      <div>
        <h1>Decouple playground</h1>
        <p class="muted">
          Makes trained convolutional networks faster without training. Everything happens in this
          browser: models and pictures stay on your machine.
          {surroundings && ` ${threads > 1 ? `${threads} threads` : 'One thread'}.`}
        </p>
      </div>
      <label class="field">
        <span>Colours</span>
        <select
          onChange={({ currentTarget }) => {
            document.documentElement.style.colorScheme = currentTarget.value;
          }}
        >
          {themes.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </header>
  );
}
