import {
  applyPatch,
  graphBuilder,
  interpret,
  isOp,
  verify,
  type AttrsInput,
  type Graph,
} from '@decouple/ir';
import { densePatch, segmentsOf } from '@decouple/pass-refit';
import { difference, int64, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { errorAgainst, randomTensor, residualNet, run } from './support.ts';

/** Convolutions one after the other, with an optional gather of channels behind the first. */
function chain(
  stages: readonly { weight: readonly number[]; attrs?: AttrsInput<'conv2d'> }[],
  gather?: number[],
): Graph {
  const b = graphBuilder('chain');
  let value = b.input('x', [2, 6, 11, 9]);
  stages.forEach(({ weight, attrs = {} }, index) => {
    if (gather && index === 1)
      value = b.node('gather', [value, b.constant('indices', int64(gather))], { axis: 1 });
    const inputs = [value, b.constant(`w${index}`, randomTensor(weight, index + 1, 0.4))];
    if (index === stages.length - 1)
      inputs.push(b.constant('b', randomTensor([weight[0] as number], 9)));
    value = b.node('conv2d', inputs, attrs, `conv${index}`);
  });
  return b.build([value]);
}

describe('segments and their dense equivalents', () => {
  const chains: Record<string, Graph> = {
    'vertical and horizontal, strided and dilated': chain([
      { weight: [5, 6, 3, 1], attrs: { stride: [2, 1], pads: [1, 0, 2, 0] } },
      { weight: [7, 5, 1, 3], attrs: { dilation: [1, 2], pads: [0, 2, 0, 1] } },
    ]),
    'depthwise with multiplier and pointwise': chain([
      { weight: [18, 1, 3, 3], attrs: { groups: 6, pads: [1, 1, 1, 1], stride: [2, 2] } },
      { weight: [8, 18, 1, 1] },
    ]),
    'pointwise and grouped': chain([
      { weight: [16, 6, 1, 1] },
      { weight: [8, 2, 3, 3], attrs: { groups: 8, pads: [1, 1, 1, 1] } },
    ]),
    'four of a kind, through a gather': chain(
      [
        { weight: [12, 1, 3, 1], attrs: { groups: 6, pads: [1, 0, 1, 0] } },
        { weight: [5, 4, 1, 1] },
        { weight: [10, 1, 1, 3], attrs: { groups: 5, pads: [0, 1, 0, 1] } },
        { weight: [7, 10, 1, 1] },
      ],
      [3, 3, 11, 0],
    ),
  };
  test.each(Object.entries(chains))('%s', (_, graph) => {
    const segments = segmentsOf(graph);
    expect(segments).toHaveLength(1);
    const dense = applyPatch(graph, densePatch(segments[0] as (typeof segments)[0]));
    expect(verify(dense)).toEqual([]);
    expect(dense.nodes).toHaveLength(1);
    const x = randomTensor([2, 6, 11, 9], 50);
    const [a, b] = [graph, dense].map(
      (each) => interpret(each, { x })[graph.outputs[0] as string] as Tensor,
    );
    expect(difference(b as Tensor, a as Tensor).maxRel).toBeLessThan(1e-5);
  });
  test('two windows on one axis, activations, inner biases and second readers end a segment', () => {
    const windows = chain([{ weight: [5, 6, 3, 3] }, { weight: [4, 5, 3, 3] }]);
    expect(segmentsOf(windows)).toHaveLength(2);
    expect(segmentsOf(residualNet())).toHaveLength(4);
  });
});

describe('refit', () => {
  const net = residualNet();
  test('a joint refit beats what alternation left, on images it has not seen', async () => {
    const text = 'decouple{terms=2, adaptive=none, rounds=0, form=dw-pw}';
    const rough = await run(net, net, text);
    const better = await run(net, net, `${text}, refit{rounds=4}`);
    expect(verify(better.graph)).toEqual([]);
    expect(better.passes[1]?.statistics).toEqual({ refitted: 4, parts: 8 });
    expect(errorAgainst(net, better.graph)).toBeLessThan(0.9 * errorAgainst(net, rough.graph));
  });
  test.each(['decouple{terms=1, form=dw-pw}', 'decouple{terms=1, form=pw-dw}'])(
    'what the ReLU lets through can be fitted better than the response: %s',
    async (text) => {
      const linear = await run(net, net, `${text}, refit`);
      const rectified = await run(net, net, `${text}, refit{relu=8}`);
      const [before, after] = [linear, rectified].map(({ graph }) => errorAgainst(net, graph));
      // The last convolution of pw-dw has groups of its own and stays as the joint refit left it.
      if (text.includes('pw-dw')) expect(after).toBe(before);
      else expect(after).toBeLessThan(0.97 * (before as number));
    },
  );
  test.each(['dw-pw', 'pw-dw'])('repairs a decoupling made without data: %s', async (form) => {
    const text = `decouple{terms=3, data=off, form=${form}}`;
    const closed = await run(net, net, text);
    const repaired = await run(net, net, `${text}, refit`);
    expect(errorAgainst(net, repaired.graph)).toBeLessThan(0.5 * errorAgainst(net, closed.graph));
  });
  test('segments with large patches keep all but the last convolution', async () => {
    const { graph } = await run(
      net,
      net,
      'decouple{terms=3, data=off, form=dw-pw}, refit{patch=1}',
    );
    const names = (role: string): string[] =>
      graph.nodes.flatMap((node) =>
        isOp(node, 'conv2d') && node.name.endsWith(role) ? [node.inputs[1] as string] : [],
      );
    expect(names('/pointwise').every((name) => name.endsWith('refit.weight'))).toBe(true);
    expect(names('/depthwise').some((name) => name.endsWith('refit.weight'))).toBe(false);
  });
  test('an untouched network stays what it is', async () => {
    const { graph } = await run(net, net, 'refit');
    expect(errorAgainst(net, graph)).toBeLessThan(1e-6);
  });
  test('fused activations and layers named by skip are left alone', async () => {
    const { passes } = await run(net, net, 'refit{skip=[conv2]}');
    expect(passes[0]?.skipped).toEqual([
      expect.objectContaining({ reason: 'left alone by option skip' }),
    ]);
  });
});

describe('cheap repairs', () => {
  const net = residualNet();
  /** conv2 off by a factor and an offset per channel. */
  const damaged = (factor: boolean): Graph => {
    const constants = new Map(net.constants);
    const [w, bias] = [constants.get('conv2.w'), constants.get('conv2.b')] as [
      Tensor<'float32'>,
      Tensor<'float32'>,
    ];
    const scale = (channel: number): number => (factor ? 0.4 + 0.1 * channel : 1);
    constants.set('conv2.w', {
      ...w,
      data: w.data.map((value, index) => value * scale(Math.floor(index / 108))),
    });
    constants.set('conv2.b', {
      ...bias,
      data: bias.data.map((value, channel) => value * scale(channel) + 0.3 * channel),
    });
    return { ...net, constants };
  };
  test.each([
    ['correct-bias', false],
    ['correct-scale', true],
  ])('%s undoes what it can express', async (pass, factor) => {
    const broken = damaged(factor);
    expect(errorAgainst(net, broken)).toBeGreaterThan(0.05);
    const { graph, passes } = await run(net, broken, pass);
    expect(passes[0]?.statistics).toEqual({ corrected: 4 });
    expect(errorAgainst(net, graph)).toBeLessThan(1e-8);
  });
  test('a bias alone does not undo a scale', async () => {
    const { graph } = await run(net, damaged(true), 'correct-bias');
    expect(errorAgainst(net, graph)).toBeGreaterThan(1e-3);
  });
});
