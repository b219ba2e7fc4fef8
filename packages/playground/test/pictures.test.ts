import { createRandom, graphBuilder, normals } from 'decouple';
import { describe, expect, it } from 'vitest';
import { openSizes, readSource, takes, withSizes } from '../src/worker/model.ts';
import { classify, type Picture } from '../src/worker/pictures.ts';

/** The mean of each channel, as scores of three classes. */
function means(channels: number) {
  const b = graphBuilder('means');
  const pooled = b.node('global-average-pool', [b.input('x', ['N', channels, 'H', 'W'])], {});
  return b.build([b.node('flatten', [pooled], {}, 'scores')]);
}

const greenish: Picture = {
  name: 'green.png',
  width: 2,
  height: 1,
  pixels: Uint8ClampedArray.of(0, 255, 51, 255, 0, 255, 51, 255),
};

describe('classify', () => {
  it('gives the softmax of the scores, the likeliest class first', async () => {
    const graph = withSizes(means(3), { H: 1, W: 2 });
    const guesses = await classify(graph, greenish, {}, ['red', 'green']);
    const sum = Math.exp(0) + Math.exp(1) + Math.exp(0.2);
    expect(guesses.map(({ label }) => label)).toEqual(['green', 'class 2', 'red']);
    expect(guesses[0]?.share).toBeCloseTo(Math.exp(1) / sum, 5);
    expect(guesses[1]?.share).toBeCloseTo(Math.exp(0.2) / sum, 5);
  });

  it('normalises as the model says, and makes grey of colours where one channel is wanted', async () => {
    const graph = withSizes(means(1), { H: 1, W: 2 });
    const [only, ...others] = await classify(graph, greenish, { mean: [0.4], std: [0.5] }, []);
    expect([only?.share, others]).toEqual([1, []]);
  });

  it('says so when the network takes no pictures', async () => {
    const graph = withSizes(means(4), { H: 1, W: 2 });
    await expect(classify(graph, greenish, {}, [])).rejects.toThrow(
      'green.png: pictures have 1 or 3 channels, the network takes 4',
    );
  });
});

describe('models', () => {
  it('ask for sizes that are open, but not for the batch', () => {
    expect(openSizes(means(3), { W: 7 })).toEqual({ H: 224, W: 7 });
    expect(() => withSizes(means(3), { H: 0, W: 2 })).toThrow(/'H' must be a whole number above 0/);
    expect(takes(withSizes(means(3), { H: 4, W: 5 }), [3, 4, 5])).toBe(true);
    expect(takes(means(3), [3, 4, 5])).toBe(false);
  });

  it('are read by their extension, with the errors of the importers', () => {
    const junk = Uint8Array.from(normals(createRandom(1), 64), (value) => Math.abs(100 * value));
    expect(() => readSource('a.onnx', junk)).toThrow(/a\.onnx/);
    expect(() => readSource('a.dcpl', junk)).toThrow(/a\.dcpl/);
    expect(() => readSource('a.pt', junk)).toThrow('a.pt: not a format known here');
  });
});
