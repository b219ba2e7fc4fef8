import { gainsOf, layerOf, withGains, type Fitting, type Plan } from '@decouple/decomposition';
import { smallNet } from '@decouple/conformance';
import { isOp } from '@decouple/ir';
import { expect, test } from 'vitest';

const net = smallNet();
const layer = net.nodes
  .filter((node) => isOp(node, 'conv2d'))
  .map((node) => layerOf(net, node))
  .find((each) => typeof each !== 'string' && each.group.taps > 1);

/** Plans of even costs whose errors halve with each step, and fall once fitted as told. */
function plansOf(dense: number, fitted: (error: number) => number): Plan[] {
  return [1, 2, 3, 4, 5].map((step) => {
    const error = 0.5 ** step;
    return {
      method: 'some',
      macs: 0.1 * step * dense,
      params: 1,
      outline: [],
      error,
      columns: {},
      build: () => ({ patch: { remove: [] }, error: fitted(error) }),
    };
  });
}

test('errors follow those of the plans that were fitted, between and beside them', async () => {
  if (typeof layer !== 'object') throw new Error('the network has a convolution with taps');
  const { group, size } = layer;
  const dense = group.inputs * size.outChannels * group.taps * size.output[0] * size.output[1];
  const fitting = { layer } as Fitting;
  // Half of the error stays at a fifth of the MACs, an eighth at two fifths.
  const measured = plansOf(dense, (error) => (error >= 0.25 ? error / 2 : error / 8));
  const plans = withGains(layer, measured, await gainsOf(measured, fitting));
  const factors = plans.map(({ error }, index) => error / 0.5 ** (index + 1));
  expect(factors[0]).toBeCloseTo(1 / 2);
  expect(factors[1]).toBeCloseTo(1 / 2);
  expect(factors[2]).toBeCloseTo(1 / 4);
  expect(factors[3]).toBeCloseTo(1 / 8);
  expect(factors[4]).toBeCloseTo(1 / 8);
});
