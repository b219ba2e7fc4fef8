/** The pipeline as a form and as text; whichever is edited, the other follows. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import {
  formatItems,
  insertItem,
  moveItem,
  removeItem,
  replaceItem,
  type Item,
  type Path,
} from '../pipeline/items.ts';
import type { PassForm } from '../worker/forms.ts';
import { Failure, Field, Panel } from './controls.tsx';
import { PassFields } from './fields.tsx';

/** Pipelines to start from. */
export const presets = [
  ['Decouple to 40 % of the MACs', 'fold-batch-norm, decouple{macs=0.4x}, fuse'],
  ['Spatial decomposition to half', 'fold-batch-norm, spatial-decompose{macs=0.5x}, fuse'],
  ['Best method for each layer, half', 'fold-batch-norm, decompose{macs=0.5x}, fuse'],
  ['Two terms, from the weights alone', 'fold-batch-norm, decouple{terms=2, data=off}, fuse'],
  ['Exact clean-up only', 'fold-constants, fold-batch-norm, remove-identity, fuse'],
] as const;

interface EditorProps {
  readonly items: readonly Item[];
  readonly forms: readonly PassForm[];
  readonly onItems: (items: readonly Item[]) => void;
}

interface CardProps extends EditorProps {
  readonly item: Item;
  readonly path: Path;
  /** Items of the list that holds it. */
  readonly siblings: number;
}

const nameOf = (item: Item): string =>
  item.kind === 'repeat' ? 'repeat' : item.name || 'group without name';

/** Where a dragged card comes from: cards move within their list. */
const dragType = 'application/x-decouple-path';

/** Buttons that do what dragging does. */
function CardButtons({ item, path, siblings, items, onItems }: CardProps): JSX.Element {
  const index = path.at(-1) ?? 0;
  const name = nameOf(item);
  const move = (to: number): void => onItems(moveItem(items, path, to));
  return (
    <span class="buttons">
      <button
        type="button"
        aria-label={`Move ${name} up`}
        disabled={index === 0}
        onClick={() => move(index - 1)}
      >
        ↑
      </button>
      <button
        type="button"
        aria-label={`Move ${name} down`}
        disabled={index === siblings - 1}
        onClick={() => move(index + 1)}
      >
        ↓
      </button>
      <button
        type="button"
        aria-label={`Remove ${name}`}
        onClick={() => onItems(removeItem(items, path))}
      >
        ✕
      </button>
    </span>
  );
}

function CardBody(props: CardProps): JSX.Element {
  const { item, path, items, forms, onItems } = props;
  const replace = (changed: Item): void => onItems(replaceItem(items, path, changed));
  if (item.kind === 'pass') {
    const form = forms.find(({ name }) => name === item.name);
    if (!form) return <p>{item.name}</p>;
    return (
      <details>
        <summary>
          <strong>{item.name}</strong> <code>{formatItems([item]).slice(item.name.length)}</code>
        </summary>
        <p class="muted">
          {form.summary} ({form.effect})
        </p>
        <PassFields
          form={form}
          options={item.options}
          onOptions={(options) => replace({ ...item, options })}
        />
      </details>
    );
  }
  return (
    <div class="group">
      {item.kind === 'repeat' ? (
        <Field label="repeat, rounds at most">
          <input
            type="number"
            min={1}
            max={1000}
            value={item.max}
            onInput={({ currentTarget }) => replace({ ...item, max: currentTarget.value })}
          />
        </Field>
      ) : (
        <Field label="group, name in reports">
          <input
            value={item.name}
            onInput={({ currentTarget }) => replace({ ...item, name: currentTarget.value })}
          />
        </Field>
      )}
      <Cards {...props} list={item.steps} within={path} />
    </div>
  );
}

function Card(props: CardProps): JSX.Element {
  const { path, item, items, onItems } = props;
  const within = path.slice(0, -1).join('.');
  const [over, setOver] = useState(false);
  return (
    <li
      class={over ? 'card over' : 'card'}
      draggable
      data-testid={`card-${nameOf(item)}`}
      onDragStart={(event) => {
        event.stopPropagation();
        event.dataTransfer?.setData(dragType, JSON.stringify([within, path.at(-1)]));
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        const data = event.dataTransfer?.getData(dragType);
        const [from, index] = JSON.parse(data || '[]') as [string?, number?];
        if (from !== within || index === undefined) return;
        onItems(moveItem(items, [...path.slice(0, -1), index], path.at(-1) ?? 0));
      }}
    >
      <CardBody {...props} />
      <CardButtons {...props} />
    </li>
  );
}

/** The cards of a list, and a way to add one. */
function Cards(props: EditorProps & { list: readonly Item[]; within: Path }): JSX.Element {
  const { list, within, forms, items, onItems } = props;
  const [name, setName] = useState('decouple');
  const fresh = (): Item => {
    if (name === 'repeat') return { kind: 'repeat', max: '', steps: [] };
    if (name === '(group)') return { kind: 'group', name: 'group', steps: [] };
    return { kind: 'pass', name, options: {} };
  };
  const options = (effect: PassForm['effect']) =>
    forms
      .filter((form) => form.effect === effect)
      .map((form) => (
        <option key={form.name} title={form.summary}>
          {form.name}
        </option>
      ));
  return (
    <>
      <ol class="cards">
        {list.map((item, index) => (
          <Card
            key={`${index} ${nameOf(item)}`}
            {...props}
            item={item}
            path={[...within, index]}
            siblings={list.length}
          />
        ))}
      </ol>
      <div class="row">
        <select
          aria-label="Pass to add"
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        >
          <optgroup label="approximate">{options('approximate')}</optgroup>
          <optgroup label="exact">{options('exact')}</optgroup>
          <optgroup label="groups">
            <option>repeat</option>
            <option>(group)</option>
          </optgroup>
        </select>
        <button
          type="button"
          onClick={() => onItems(insertItem(items, [...within, list.length], fresh()))}
        >
          Add
        </button>
      </div>
    </>
  );
}

export interface PipelinePanelProps extends EditorProps {
  readonly text: string;
  /** What is wrong with the text; absent when nothing is. */
  readonly problem?: string | undefined;
  readonly onText: (text: string) => void;
}

/** The panel with both forms of the pipeline. */
export function PipelinePanel(props: PipelinePanelProps): JSX.Element {
  const { text, problem, onText, items, forms, onItems } = props;
  return (
    <Panel title="Pipeline">
      <Field label="Start from">
        <select
          value=""
          onChange={({ currentTarget }) => {
            if (currentTarget.value) onText(currentTarget.value);
            currentTarget.value = '';
          }}
        >
          <option value="">choose …</option>
          {presets.map(([name, pipeline]) => (
            <option key={name} value={pipeline}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Cards items={items} forms={forms} onItems={onItems} list={items} within={[]} />
      <Field label="The same as text">
        <textarea
          rows={3}
          spellcheck={false}
          value={text}
          aria-invalid={problem !== undefined}
          onInput={({ currentTarget }) => onText(currentTarget.value)}
        />
      </Field>
      {problem !== undefined && <Failure message={problem} />}
    </Panel>
  );
}
