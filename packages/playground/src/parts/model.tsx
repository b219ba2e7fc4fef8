/** The model: where it comes from, its graph, and the table of its layers. */
import type { KernelTime } from 'decouple';
import { formatCount, significant } from 'decouple';
import { DrawingView, Table } from '@decouple/report';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Loaded } from '../worker/session.ts';
import type { DrawingResult, Sizes } from '../worker/model.ts';
import { Field, FileDrop, NumberInput, Panel, Scroll, Tabs } from './controls.tsx';

/** The graph, or why it isn't drawn; a click on a box chooses its layer. */
export function Picture({
  picture,
  chosen,
}: {
  picture: DrawingResult;
  chosen?: string | undefined;
}): JSX.Element {
  if ('undrawn' in picture) return <p>{picture.undrawn}</p>;
  return (
    <Scroll label="Graph of the network">
      <DrawingView drawing={picture.drawing} chosen={chosen} />
    </Scroll>
  );
}

interface LayerTableProps {
  readonly loaded: Loaded;
  /** Milliseconds of each kernel, once they are measured. */
  readonly times: readonly KernelTime[] | undefined;
  readonly chosen?: string | undefined;
}

/** Layers with MACs or parameters, and their milliseconds on one thread. */
function LayerTable({ loaded, times, chosen }: LayerTableProps): JSX.Element {
  const { layers } = loaded.inspection;
  const msOf = (layer: string): string => {
    const own = times?.filter((kernel) => kernel.layer === layer) ?? [];
    return own.length ? significant(own.reduce((sum, { medianMs }) => sum + medianMs, 0)) : '';
  };
  return (
    <Table
      caption="Layers that have MACs or parameters; ms on cpu, one thread"
      columns={[
        { header: 'layer' },
        { header: 'op' },
        { header: 'output' },
        { header: 'MACs', numbers: true },
        { header: 'parameters', numbers: true },
        { header: 'ms', numbers: true },
      ]}
      rows={layers
        .filter(({ macs, params }) => macs > 0 || params > 0)
        .map(({ name, op, macs, params, outputShape }) => ({
          key: name,
          layer: name,
          chosen: name === chosen,
          cells: [
            name,
            op,
            outputShape?.join('×') ?? 'unknown',
            formatCount(macs),
            formatCount(params),
            msOf(name),
          ],
        }))}
    />
  );
}

/** Sizes that the file leaves open. */
function SizeFields({ sizes, onSizes }: { sizes: Sizes; onSizes: (sizes: Sizes) => void }) {
  const names = Object.keys(sizes);
  if (!names.length) return null;
  return (
    <fieldset class="row">
      <legend>Sizes that the model leaves open</legend>
      {names.map((name) => (
        <Field key={name} label={name}>
          <NumberInput
            value={sizes[name]}
            least={1}
            late
            onValue={(size) => onSizes({ ...sizes, [name]: size })}
          />
        </Field>
      ))}
    </fieldset>
  );
}

/** Name, inputs, costs, and what the importer could not understand. */
function Facts({ loaded }: { loaded: Loaded }): JSX.Element {
  const { name, inspection, warnings, history } = loaded;
  const { inputs, macs, params, problems } = inspection;
  const shapes = inputs.map((input) => `${input.name} [${input.type.shape.join(', ')}]`);
  return (
    <>
      <p data-testid="facts">
        <strong>{name}</strong>: {formatCount(macs)} MACs per image, {formatCount(params)}{' '}
        parameters; takes {shapes.join(', ')}
      </p>
      {history.map(({ pipeline, seed }, index) => (
        <p key={index} class="muted">
          made by <code>{pipeline}</code>, seed {seed}
        </p>
      ))}
      <ul class="notes">
        {warnings.map(({ message, nodes, count }) => (
          <li key={message}>
            {message} ({nodes.slice(0, 3).join(', ')}
            {count > 3 ? ', …' : ''})
          </li>
        ))}
        {problems.map(({ node, op, message }) => (
          <li key={`${node} ${message}`}>
            {op} ‘{node}’: {message}
          </li>
        ))}
      </ul>
    </>
  );
}

export interface ModelPanelProps extends Partial<LayerTableProps> {
  readonly busy: boolean;
  readonly onFile: (file: File) => void;
  readonly onBundled: () => void;
  readonly onSizes: (sizes: Sizes) => void;
}

/** The first panel: choose a model, look at it. */
export function ModelPanel(props: ModelPanelProps): JSX.Element {
  const { loaded, times, busy, onFile, onBundled, onSizes } = props;
  const [chosen, choose] = useState<string>();
  const pick = ({ target }: Event): void => {
    const element = target instanceof Element ? target.closest('[data-layer]') : null;
    if (element) choose(element.getAttribute('data-layer') ?? undefined);
  };
  return (
    <Panel title="Model">
      <FileDrop
        label="Drop an ONNX file here, or choose one"
        accept=".onnx,.dcpl,.txt"
        disabled={busy}
        onFiles={([file]) => file && onFile(file)}
      />
      <p>
        <button type="button" disabled={busy} onClick={onBundled}>
          Take VGG16 for CIFAR-10
        </button>{' '}
        <span class="muted">15 MB, trained by this project</span>
      </p>
      {loaded && (
        <div onClick={pick}>
          <Facts loaded={loaded} />
          <SizeFields sizes={loaded.sizes} onSizes={onSizes} />
          <Tabs
            label="Views of the model"
            tabs={[
              {
                name: 'Graph',
                content: () => <Picture picture={loaded.picture} chosen={chosen} />,
              },
              {
                name: 'Layers',
                content: () => <LayerTable loaded={loaded} times={times} chosen={chosen} />,
              },
            ]}
          />
        </div>
      )}
    </Panel>
  );
}
