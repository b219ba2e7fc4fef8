import { describe, expect, it } from 'vitest';
import { bindSymbols, graphBuilder, inspect } from '../src/index.ts';
import { tinyClassifier } from './models.ts';

describe('inspect', () => {
  it('counts MACs and parameters per layer and in all', () => {
    const { macs, params, layers, problems } = inspect(tinyClassifier());
    const conv1 = layers.find(({ name }) => name === 'conv1');
    expect(conv1).toEqual({
      name: 'conv1',
      op: 'conv2d',
      macs: 64 * 16 * 27,
      params: 16 * 27,
      outputShape: ['N', 16, 8, 8],
    });
    expect(macs).toBe(64 * 16 * 27 + 64 * 16 * 144 + 96);
    expect(params).toBe(16 * 27 + 16 * 144 + 96 + 8 * 16);
    expect(problems).toEqual([]);
  });

  it('counts MACs of the bound batch', () => {
    const one = inspect(tinyClassifier()).macs;
    expect(inspect(bindSymbols(tinyClassifier(), { N: 4 })).macs).toBe(4 * one);
  });

  it('lists opaque ops under the type that their file gives', () => {
    const b = graphBuilder('unknown');
    const x = b.input('x', ['N', 4]);
    const attrs = {
      domain: 'my.ops',
      opType: 'Wiggle',
      opset: 1,
      payload: '',
      outputTypes: [{ dtype: 'float32' as const, shape: ['N', 4] }],
    };
    const { layers, problems } = inspect(b.build([b.node('opaque', [x], attrs, 'w')]));
    expect(layers[0]?.op).toBe('Wiggle');
    expect(problems).toEqual([expect.objectContaining({ node: 'w', op: 'Wiggle' })]);
  });
});
