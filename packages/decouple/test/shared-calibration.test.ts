import { smallNet, texturedImages } from '@decouple/conformance';
import { tensorDataset } from '@decouple/calibration';
import { expect, test } from 'vitest';
import { exportOnnx, openCalibration, optimize, type Graph } from '../src/index.ts';

const net = smallNet();
const calibration = tensorDataset(texturedImages(32, 1));
const bytesOf = (graph: Graph): Buffer => Buffer.from(exportOnnx(graph));

test('runs that share calibration data make the same bytes as runs that have their own', async () => {
  const pipelines = [0.7, 0.5].map(
    (share) =>
      `fold-batch-norm, spatial-decompose{macs=0.9x}, decompose{macs=${share}x, sensitivity=0.5, relu=2}, refit`,
  );
  const opened = openCalibration(net, { calibration });
  for (const pipeline of pipelines) {
    const shared = await optimize(net, pipeline, { opened });
    const own = await optimize(net, pipeline, { calibration });
    expect(bytesOf(shared.graph).equals(bytesOf(own.graph)), pipeline).toBe(true);
  }
  opened.dispose();
});
