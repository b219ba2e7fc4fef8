/** What the pipeline runs on, what is measured afterwards, and the run itself. */
import type { JSX } from 'preact';
import type { Progress } from '../worker/rpc.ts';
import type { CalibrationChoice, Description, Loaded } from '../worker/session.ts';
import { Check, Field, Panel, NumberInput } from './controls.tsx';

export interface RunSettings {
  readonly calibration: CalibrationChoice;
  readonly samples: number;
  readonly seed: number;
  readonly ledger: boolean;
  readonly setups: readonly string[];
  /** Images that accuracy is measured on. */
  readonly images: number;
}

/** What is being done. */
export interface Job {
  readonly what: string;
  readonly progress?: Progress;
  /** Absent when the job can't be cancelled. */
  readonly cancel?: () => void;
}

export function JobBar({ job }: { job: Job }): JSX.Element {
  const { what, progress, cancel } = job;
  const share = progress && progress.total > 0 ? progress.done / progress.total : undefined;
  return (
    <div class="job">
      <progress max={1} {...(share !== undefined && { value: share })} aria-label={what} />
      <span role="status">
        {what}
        {progress && `: ${progress.what}`}
      </span>
      {cancel && (
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      )}
    </div>
  );
}

interface SettingsProps {
  readonly description: Description;
  readonly loaded: Loaded;
  readonly settings: RunSettings;
  readonly onSettings: (settings: RunSettings) => void;
}

const choices: readonly (readonly [CalibrationChoice, string])[] = [
  ['bundled', 'CIFAR-10 training images'],
  ['synthetic', 'drawn images'],
  ['none', 'none, weights alone'],
];

/** What passes see. */
function DataFields({ loaded, settings, onSettings }: SettingsProps): JSX.Element {
  const set = (change: Partial<RunSettings>): void => onSettings({ ...settings, ...change });
  const number = (name: 'samples' | 'seed' | 'images', least: number): JSX.Element => (
    <NumberInput value={settings[name]} least={least} onValue={(value) => set({ [name]: value })} />
  );
  return (
    <div class="row">
      <Field label="Calibration images">
        <select
          value={settings.calibration}
          onChange={({ currentTarget }) =>
            set({ calibration: currentTarget.value as CalibrationChoice })
          }
        >
          {choices
            .filter(([value]) => value !== 'bundled' || loaded.fitsBundled)
            .map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
        </select>
      </Field>
      <Field label="How many">{number('samples', 1)}</Field>
      <Field label="Seed">{number('seed', 0)}</Field>
      {loaded.fitsBundled && <Field label="Images for accuracy">{number('images', 0)}</Field>}
    </div>
  );
}

/** Backends to measure on. */
function SetupFields({ description, settings, onSettings }: SettingsProps): JSX.Element {
  const { setups, surroundings } = description;
  const toggle = (id: string, on: boolean): void => {
    const others = settings.setups.filter((other) => other !== id);
    onSettings({ ...settings, setups: on ? [...others, id] : others });
  };
  return (
    <fieldset>
      <legend>Measure milliseconds on</legend>
      <div class="row">
        {setups.map(({ id, label }) => (
          <Check
            key={id}
            label={label}
            checked={settings.setups.includes(id)}
            onChange={(on) => toggle(id, on)}
          />
        ))}
      </div>
      {surroundings.alone !== undefined && (
        <p class="muted" data-testid="alone">
          One thread only: {surroundings.alone}.
        </p>
      )}
    </fieldset>
  );
}

export interface RunPanelProps extends SettingsProps {
  /** Whether something else is being done, or the pipeline is wrong. */
  readonly blocked: boolean;
  readonly onRun: () => void;
}

/** The panel that starts runs. */
export function RunPanel(props: RunPanelProps): JSX.Element {
  const { settings, onSettings, blocked, onRun } = props;
  return (
    <Panel title="Run">
      <DataFields {...props} />
      <Check
        label="Follow the error through the layers"
        checked={settings.ledger}
        onChange={(ledger) => onSettings({ ...settings, ledger })}
      />
      <SetupFields {...props} />
      <p>
        <button type="button" class="main" disabled={blocked} onClick={onRun}>
          Optimise
        </button>
      </p>
    </Panel>
  );
}
