import {
  convGraph,
  relativeDifference,
  relativeError,
  smallNet,
  texturedImages,
} from '@decouple/conformance';
import { tensorDataset, optimize, totalCost, verify } from 'decouple';
import { describe, expect, test } from 'vitest';

const stacks = [
  'spatial-decompose{macs=0.8x}, decouple{macs=0.6x}',
  'channel-decompose{macs=0.8x}, spatial-decompose{macs=0.65x}, decouple{macs=0.5x}',
];

describe.each(stacks)('%s', (text) => {
  const net = smallNet();
  const before = totalCost(net).macs;
  const run = (pipeline: string) =>
    optimize(net, pipeline, { calibration: tensorDataset(texturedImages(48, 1)), samples: 48 });
  test('decompositions stack, and all of them are fitted to data', async () => {
    const { graph } = await run(text);
    expect(verify(graph)).toEqual([]);
    expect(totalCost(graph).macs).toBeLessThan(0.65 * before);
    const depth = graph.nodes.map(({ name }) => name.split('/').length);
    expect(Math.max(...depth)).toBeGreaterThan(2);
    const closed = await run(text.replaceAll('}', ', data=off}'));
    const held = texturedImages(16, 99);
    expect(relativeError(graph, net, held)).toBeLessThan(
      0.7 * relativeError(closed.graph, net, held),
    );
  });
});

test('exact decompositions stay exact when stacked', async () => {
  const graph = convGraph({
    x: [1, 12, 9, 9],
    kernel: [10, 3, 3],
    attrs: { stride: [2, 1], pads: [1, 2, 1, 0] },
  });
  const { graph: result } = await optimize(
    graph,
    'channel-decompose{rank=99, allowCostlier=true}, spatial-decompose{rank=99, allowCostlier=true}, decouple{terms=9, allowCostlier=true}',
  );
  expect(result.nodes.length).toBeGreaterThan(3);
  expect(relativeDifference(graph, result, [1, 12, 9, 9])).toBeLessThan(1e-5);
});
