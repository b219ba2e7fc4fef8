/** The kernels that each backend chose for the optimised network, and what it says about itself. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import {
  formatCount,
  measuredSpeeds,
  significant,
  type ExecutableInfo,
  type MeasuredSpeed,
  type Speed,
} from 'decouple';
import type { JSX } from 'preact';
import { formatSetup } from './figures.ts';
import { Table } from './table.tsx';

type Measured = Speed & MeasuredSpeed;

/** Notes of a backend, and nodes that it hands to another one. */
function Notes({ info }: { info: ExecutableInfo }): JSX.Element {
  const sizes = `${formatCount(info.weightBytes)}B of weights, ${formatCount(info.arenaBytes)}B for activations, ${formatCount(info.codeBytes)}B of code`;
  return (
    <ul class="notes">
      {[sizes, ...info.notes].map((note) => (
        <li key={note}>{note}</li>
      ))}
      {info.delegated.map(({ node, to, reason }) => (
        <li key={node}>
          {node} runs on {to}: {reason}
        </li>
      ))}
    </ul>
  );
}

function KernelsOf({ speed }: { speed: Measured }): JSX.Element {
  const name = formatSetup(speed);
  return (
    <details>
      <summary>
        {name}: {speed.kernels.length} kernels
      </summary>
      {speed.info && <Notes info={speed.info} />}
      {speed.kernels.length > 0 && (
        <Table
          caption={`Kernels of the optimised network on ${name}`}
          columns={[{ header: 'nodes' }, { header: 'kernel' }, { header: 'ms', numbers: true }]}
          rows={speed.kernels.map(({ nodes, kernel, medianMs, layer }, index) => ({
            key: String(index),
            ...(layer !== undefined && { layer }),
            cells: [nodes.join(', ') || '–', kernel, significant(medianMs)],
          }))}
        />
      )}
    </details>
  );
}

/** Kernels on every backend that could run the network. */
export const Kernels = ({ speeds }: { speeds: readonly Speed[] }): JSX.Element => (
  <>
    {measuredSpeeds(speeds).map((speed) => (
      <KernelsOf key={formatSetup(speed)} speed={speed} />
    ))}
  </>
);
