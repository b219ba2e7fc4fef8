/** Small controls that several parts of the page use. */
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';

/** A panel with a heading. */
export function Panel({ title, children }: { title: string; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** A control with its label above it. */
export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string | undefined;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <label class="field" title={hint}>
      <span>{label}</span>
      {children}
    </label>
  );
}

export function Check({
  label,
  checked,
  disabled = false,
  onChange,
}: {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      {label}
    </label>
  );
}

/** A whole number; what is being typed stays while the page changes around it. */
export function NumberInput({
  value,
  least,
  late = false,
  onValue,
}: {
  value: number | undefined;
  least: number;
  /** Tells the number when typing is over, not with each digit. */
  late?: boolean;
  onValue: (value: number) => void;
}): JSX.Element {
  const [typed, type] = useState<string>();
  const tell = (text: string): void => {
    if (text !== '') onValue(Math.max(least, Math.round(Number(text))));
  };
  return (
    <input
      type="number"
      min={least}
      value={typed ?? value}
      onInput={({ currentTarget }) => {
        type(currentTarget.value);
        if (!late) tell(currentTarget.value);
      }}
      onChange={({ currentTarget }) => {
        type(undefined);
        tell(currentTarget.value);
      }}
    />
  );
}

/** What went wrong, as the project says it. */
export const Failure = ({ message }: { message: string }): JSX.Element => (
  <p class="failure" role="alert">
    {message}
  </p>
);

export interface Tab {
  readonly name: string;
  readonly content: () => ComponentChildren;
}

/** Tabs that arrow keys move between. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly Tab[] }): JSX.Element {
  const id = useId();
  const [wanted, choose] = useState(0);
  const chosen = Math.min(wanted, tabs.length - 1);
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const next = (chosen + by + tabs.length) % tabs.length;
    choose(next);
    document.getElementById(`${id}-tab-${next}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={step}>
        {tabs.map(({ name }, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-tab-${index}`}
            aria-selected={index === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => choose(index)}
          >
            {name}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-tab-${chosen}`}>
        {tabs[chosen]?.content()}
      </div>
    </>
  );
}

/** A place to drop files on, and a button that does the same. */
export function FileDrop({
  label,
  accept,
  several = false,
  disabled = false,
  onFiles,
}: {
  label: string;
  accept: string;
  several?: boolean;
  disabled?: boolean;
  onFiles: (files: readonly File[]) => void;
}): JSX.Element {
  const [over, setOver] = useState(false);
  return (
    <label
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!disabled) onFiles([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <span>{label}</span>
      <input
        type="file"
        accept={accept}
        multiple={several}
        disabled={disabled}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          // The same file can be chosen again.
          currentTarget.value = '';
        }}
      />
    </label>
  );
}

/** A drawing or whatever else is larger than its place. */
export const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  <div class="scroll tall" tabIndex={0} role="region" aria-label={label}>
    {children}
  </div>
);
