/** What data-driven fits need, and how much of it is sampled. */
import { momentsOf, sampleLayer, type Calibration, type LayerRows } from '@decouple/calibration';
import type { Graph } from '@decouple/ir';
import { groupKernel, type Layer } from './layer.ts';
import { dataMetric, type Metric } from './metric.ts';

/** Options that every data-driven decomposition has; see options.ts. */
export interface FitOptions {
  readonly ridge?: number | undefined;
  readonly rounds: number;
  readonly relu: number;
  readonly points: number;
}

/** Calibration data, and the network that layers are fitted to where the original has no such response. */
export interface Data {
  readonly calibration: Calibration;
  /** The network before the pass: its inner responses are the targets of layers that earlier passes made. */
  readonly reference: Graph;
  readonly options: FitOptions;
  readonly signal: AbortSignal;
}

/**
 * Rows of a fit: at least four per unknown of a row of the dense kernel, and for small kernels as many as keep the
 * samples below twelve million numbers. Planning only compares plans and needs half of them.
 */
export function rowsFor(patchSize: number, purpose: 'plan' | 'fit'): number {
  const rows = Math.max(4 * patchSize, Math.min(16384, Math.ceil(12e6 / patchSize)));
  return purpose === 'plan' ? Math.ceil(rows / 2) : rows;
}

/** Samples a layer of `graph`. @param pending layers that are still to be replaced. */
export function sample(
  data: Data,
  graph: Graph,
  layer: Layer,
  purpose: 'plan' | 'fit',
  pending: ReadonlySet<string> = new Set(),
): Promise<LayerRows> {
  return sampleLayer(data.calibration, graph, layer.conv, {
    reference: data.reference,
    pointsPerImage: data.options.points,
    maxRows: rowsFor(layer.group.inputs * layer.group.taps, purpose),
    pending,
    signal: data.signal,
  });
}

/** α where the options say nothing: synthetic images are trusted less than pictures. */
const defaultRidge = ({ synthetic }: Calibration): number => (synthetic ? 0.1 : 1e-3);

/** Metrics of all groups of a layer. */
export async function layerMetrics(
  { calibration, options }: Data,
  layer: Layer,
  rows: LayerRows,
): Promise<Metric[]> {
  const ridge = options.ridge ?? defaultRidge(calibration);
  const moments = await momentsOf(rows, layer.size.groups);
  return moments.map((group, index) => ({
    ...dataMetric(group, groupKernel(layer, index), layer.group, ridge),
    ...(calibration.synthetic && { synthetic: true }),
  }));
}
