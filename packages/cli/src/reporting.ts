/** `--report`: what was measured beside the optimisation, and the file. */
import type { Backend, Graph, OptimizeResult } from 'decouple';
import type { Settings } from '@decouple/report';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

export interface Reported extends Omit<Settings, 'versions'> {
  /** Name of the model's file. */
  readonly model: string;
  readonly original: Graph;
  readonly result: OptimizeResult;
  /** Both networks are measured on it. */
  readonly backend: Backend;
}

/** Turns that both networks take. */
const rounds = 6;

/** Writes the report of an optimisation as one HTML file. @throws DataError when it can't be written. */
export async function writeReport(io: Io, path: string, reported: Reported): Promise<void> {
  const [{ compareSpeed, UnsupportedError }, { versions, writeFileWhole }, report] =
    await Promise.all([import('decouple'), import('decouple/node'), import('@decouple/report')]);
  const { model, original, result, backend, seed, calibration } = reported;
  const speeds = await withProgress(io, 'measure', (onProgress) =>
    compareSpeed(original, result.graph, [{ backend }], {
      rounds,
      seed,
      signal: io.signal,
      onProgress,
    }),
  );
  const draw = () => {
    try {
      return { drawing: report.drawingOf(result.graph) };
    } catch (error) {
      if (error instanceof UnsupportedError) return {};
      throw error;
    }
  };
  const html = report.renderReport({
    model,
    optimization: result.report,
    settings: { seed, versions: versions(), ...(calibration && { calibration }) },
    speeds,
    ...draw(),
  });
  await writeFileWhole(path, html);
}
