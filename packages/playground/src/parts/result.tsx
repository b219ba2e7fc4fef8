/** What became of the model: totals, layers, errors, refusals, kernels, graph, and files to take away. */
import {
  Kernels,
  Layers,
  LedgerTables,
  Passes,
  Refusals,
  Totals,
  TotalsChart,
} from '@decouple/report';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Measured, Optimized } from '../worker/session.ts';
import { Panel, Tabs, type Tab } from './controls.tsx';
import { Picture } from './model.tsx';

/** A result, and what has been measured of it so far. */
export type Outcome = Optimized & Partial<Measured>;

export interface ResultPanelProps {
  readonly outcome: Outcome;
  readonly onModel: () => void;
  readonly onPipeline: () => void;
  readonly onReport: () => void;
}

function tabsOf({ optimization, speeds = [], picture }: Outcome, chosen?: string): Tab[] {
  const { passes, ledger } = optimization;
  return [
    {
      name: 'Layers',
      content: () => <Layers optimization={optimization} speeds={speeds} chosen={chosen} />,
    },
    ...(ledger
      ? [{ name: 'Errors', content: () => <LedgerTables ledger={ledger} chosen={chosen} /> }]
      : []),
    {
      name: 'Passes',
      content: () => (
        <>
          <Passes passes={passes} />
          <Refusals passes={passes} />
        </>
      ),
    },
    ...(speeds.length ? [{ name: 'Kernels', content: () => <Kernels speeds={speeds} /> }] : []),
    { name: 'Graph', content: () => <Picture picture={picture} chosen={chosen} /> },
  ];
}

/** The panel of results. */
export function ResultPanel(props: ResultPanelProps): JSX.Element {
  const { outcome, onModel, onPipeline, onReport } = props;
  const { optimization, speeds = [], accuracy } = outcome;
  const [chosen, choose] = useState<string>();
  const pick = ({ target }: Event): void => {
    const element = target instanceof Element ? target.closest('[data-layer]') : null;
    if (element) choose(element.getAttribute('data-layer') ?? undefined);
  };
  return (
    <Panel title="Result">
      <div class="halves">
        <Totals optimization={optimization} speeds={speeds} accuracy={accuracy} />
        <TotalsChart optimization={optimization} speeds={speeds} />
      </div>
      <p class="row">
        <button type="button" onClick={onModel}>
          Download ONNX
        </button>
        <button type="button" onClick={onPipeline}>
          Download pipeline
        </button>
        <button type="button" onClick={onReport}>
          Download report
        </button>
      </p>
      <div onClick={pick}>
        <Tabs label="Views of the result" tabs={tabsOf(outcome, chosen)} />
      </div>
    </Panel>
  );
}
