/** The form of a pass, made from what the pass declares. */
import type { JSX } from 'preact';
import type { OptionTexts } from '../pipeline/items.ts';
import type { FieldForm, PassForm } from '../worker/forms.ts';
import { Check, Field } from './controls.tsx';

interface InputProps {
  readonly form: FieldForm;
  /** As the pipeline's text has it; '' when it is not given. */
  readonly text: string;
  readonly onText: (text: string) => void;
}

function Input({ form, text, onText }: InputProps): JSX.Element {
  const { field, fallback, type } = form;
  const onChange = ({ currentTarget }: { currentTarget: { value: string } }): void =>
    onText(currentTarget.value);
  switch (field.kind) {
    case 'choice':
      return (
        <select value={text} onChange={onChange}>
          <option value="">{fallback === undefined ? '–' : `${fallback} (default)`}</option>
          {field.values.map((value) => (
            <option key={value}>{value}</option>
          ))}
        </select>
      );
    case 'number':
      return (
        <input
          type="number"
          value={text}
          min={field.least}
          max={field.most}
          step={field.whole ? 1 : 'any'}
          placeholder={fallback}
          onInput={onChange}
        />
      );
    default:
      return <input value={text} placeholder={fallback ?? type} onInput={onChange} />;
  }
}

export interface PassFieldsProps {
  readonly form: PassForm;
  readonly options: OptionTexts;
  readonly onOptions: (options: OptionTexts) => void;
}

/** All options of a pass; one that is emptied is left out of the pipeline. */
export function PassFields({ form, options, onOptions }: PassFieldsProps): JSX.Element {
  const set = (name: string, text: string): void => {
    const others = Object.entries(options).filter(([other]) => other !== name);
    onOptions(Object.fromEntries(text === '' ? others : [...others, [name, text]]));
  };
  if (!form.fields.length) return <p class="muted">No options.</p>;
  return (
    <>
      <div class="fields">
        {form.fields.map((field) => {
          const { name, doc, fallback } = field;
          const text = options[name] ?? '';
          return field.field.kind === 'flag' ? (
            <div key={name} title={doc}>
              <Check
                label={name}
                checked={(text || fallback) === 'true'}
                onChange={(on) => set(name, String(on) === fallback ? '' : String(on))}
              />
            </div>
          ) : (
            <Field key={name} label={field.required ? `${name} (needed)` : name} hint={doc}>
              <Input form={field} text={text} onText={(value) => set(name, value)} />
            </Field>
          );
        })}
      </div>
      <details class="meanings">
        <summary>What the options mean</summary>
        <dl>
          {form.fields.map(({ name, doc }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{doc}</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}
