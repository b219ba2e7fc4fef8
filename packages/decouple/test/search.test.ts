import { smallNet, texturedImages } from '@decouple/conformance';
import { tensorDataset } from '@decouple/calibration';
import { describe, expect, test } from 'vitest';
import { commonRates, optimize, predict, cpuCostModel, search } from '../src/index.ts';

const net = smallNet();
const calibration = tensorDataset(texturedImages(32, 1));

describe('milliseconds', () => {
  test('of a network are those of its nodes as compiled, and of a run', async () => {
    const { ms, nodes } = await predict(net, { rates: commonRates });
    expect(ms).toBeCloseTo(
      nodes.reduce((sum, node) => sum + node.ms, 0),
      9,
    );
    expect(nodes.at(-1)?.node).toBe('run');
    // Normalisations and activations are parts of the convolutions.
    expect(nodes.map(({ kernel }) => kernel)).not.toContain('batch-normalization');
  });
  test('can be limited: the best network within them is found', async () => {
    const before = await predict(net, { rates: commonRates });
    const found = await search(net, {
      limits: { ms: { share: 0.8 } },
      rates: commonRates,
      calibration,
    });
    expect(found.best.ms).toBeLessThanOrEqual(0.8 * before.ms);
    expect(found.best.pipeline).toContain('ms=');
    expect((await predict(found.graph, { rates: commonRates })).ms).toBeCloseTo(
      found.best.ms ?? Number.NaN,
      9,
    );
  });
  test('need rates', async () => {
    await expect(search(net, { limits: { ms: 1 } })).rejects.toThrow('needs a model of the costs');
  });
  test('are in the report of a pass that counts them', async () => {
    const { report } = await optimize(net, 'fold-batch-norm, decompose{ms=0.8x}', {
      cost: cpuCostModel(),
      calibration,
    });
    expect(report.table()).toContain('ms after');
  });
});
