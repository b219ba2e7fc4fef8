/** What it takes to get the same result again. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { JSX } from 'preact';
import type { Settings } from './data.ts';

export interface ProvenanceProps {
  readonly pipeline: string;
  readonly settings: Settings;
}

/** Pipeline, data, seed and versions. */
export function Provenance({ pipeline, settings }: ProvenanceProps): JSX.Element {
  const { seed, calibration, versions } = settings;
  const data = calibration ? `${calibration.samples} images of ${calibration.name}` : 'none';
  const facts = [
    ['calibration', data],
    ['seed', String(seed)],
    ...Object.entries(versions).map(([name, version]) => [name, version] as const),
  ] as const;
  return (
    <>
      <pre class="pipeline">{pipeline}</pre>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
