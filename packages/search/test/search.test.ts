import { graphBuilder, totalCost, type Graph } from '@decouple/ir';
import {
  fillTemplate,
  searchPipelines,
  type Measured,
  type SearchProblem,
  type TrialStore,
} from '@decouple/search';
import { createRandom, OptionError, zeros } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';

/** A network of `channels` outputs: its MACs are 1000 per channel. */
function network(channels: number): Graph {
  const b = graphBuilder('n');
  const weight = b.constant('w', zeros('float32', [channels, 10, 1, 1]));
  return b.build([b.node('conv2d', [b.input('x', ['N', 10, 10, 10]), weight], {}, 'conv')]);
}

const whole = 1000;
const shareOf = (pipeline: string): number => Number(/=([\d.]+)x/.exec(pipeline)?.[1]);

/** Families lose `slope·(1/share - 1)`; `a` is better than `b`. */
const slopes: Readonly<Record<string, number>> = { a: 0.25, b: 1 };

function problem(more: Partial<SearchProblem> = {}): { given: SearchProblem; tried: string[] } {
  const tried: string[] = [];
  const given: SearchProblem = {
    graph: network(whole),
    families: ['b{macs=$x}', 'a{macs=$x}'],
    limits: { drop: 1 },
    apply: (pipeline) => {
      tried.push(pipeline);
      const graph = network(Math.max(1, Math.round(whole * shareOf(pipeline))));
      return Promise.resolve({ ...graph, name: pipeline });
    },
    drop: ({ name }) =>
      Promise.resolve((slopes[name[0] as string] as number) * (1 / shareOf(name) - 1)),
    ...more,
  };
  return { given, tried };
}

describe('pipelines with a free budget', () => {
  test('powers of the share multiply to the whole', () => {
    const text = fillTemplate('a{macs=$^0.25x}, b{macs=$^0.75x}', 0.5);
    const [a, b] = [...text.matchAll(/=([\d.]+)x/g)].map(([, share]) => Number(share));
    expect((a as number) * (b as number)).toBeCloseTo(0.5, 3);
  });
  test('the same share gives the same text', () => {
    expect(fillTemplate('a{macs=$x}', 1 / 3)).toBe('a{macs=0.3333x}');
  });
});

describe('a limit of the drop', () => {
  test('finds the best family at its largest speed-up', async () => {
    const { given } = problem();
    const { best } = await searchPipelines(given);
    expect(best?.family).toBe('a{macs=$x}');
    // 0.25·(s - 1) = 1 at s = 5.
    expect(1 / (best?.share as number)).toBeLessThanOrEqual(5.001);
    expect(1 / (best?.share as number)).toBeGreaterThan(5 / 1.035);
  });
  test('few trials are needed after a good guess, and not many after a bad one', async () => {
    const trialsFrom = async (start: number): Promise<number> => {
      const { given, tried } = problem({ families: ['a{macs=$x}'], start });
      const { best } = await searchPipelines(given);
      expect(1 / (best?.share as number)).toBeGreaterThan(5 / 1.035);
      return tried.length;
    };
    expect(await trialsFrom(4.5)).toBeLessThanOrEqual(5);
    expect(await trialsFrom(6)).toBeLessThanOrEqual(5);
    expect(await trialsFrom(30)).toBeLessThanOrEqual(10);
    expect(await trialsFrom(1.1)).toBeLessThanOrEqual(10);
  });
  test('a family that can not beat the best one costs one trial', async () => {
    const { given, tried } = problem({ families: ['a{macs=$x}', 'b{macs=$x}'] });
    const { best } = await searchPipelines(given);
    expect(best?.family).toBe('a{macs=$x}');
    expect(tried.filter((text) => text.startsWith('b'))).toHaveLength(1);
  });
  test('nothing is found when every trial loses too much', async () => {
    const { given } = problem({ drop: () => Promise.resolve(9) });
    expect((await searchPipelines(given)).best).toBeUndefined();
  });
  test('budgets that can not be met end a family, other errors end the search', async () => {
    const impossible = problem({
      apply: (pipeline) =>
        shareOf(pipeline) < 0.4
          ? Promise.reject(new OptionError("a budget of 3 MACs can't be met"))
          : problem().given.apply(pipeline),
    });
    const { best } = await searchPipelines(impossible.given);
    expect(best?.share).toBeGreaterThanOrEqual(0.4);
    const wrong = problem({ apply: () => Promise.reject(new OptionError('no such pass')) });
    await expect(searchPipelines(wrong.given)).rejects.toThrow('no such pass');
  });
});

describe('limits of costs', () => {
  test('MACs: one trial per family, the one that loses least wins', async () => {
    const { given, tried } = problem({ limits: { macs: 0.5 * totalCost(network(whole)).macs } });
    const { best } = await searchPipelines(given);
    expect(tried).toEqual(['b{macs=0.5x}', 'a{macs=0.5x}']);
    expect(best?.family).toBe('a{macs=$x}');
  });
  test('weights: the largest share within the limit', async () => {
    const { given } = problem({ limits: { params: 2000 }, families: ['a{macs=$x}'] });
    const { best } = await searchPipelines(given);
    expect(best?.params).toBeLessThanOrEqual(2000);
    expect(best?.params).toBeGreaterThan(1900);
  });
  test('milliseconds, with a model of them', async () => {
    const { given } = problem({
      limits: { ms: 2 },
      families: ['a{macs=$x}'],
      ms: (graph) => Promise.resolve(1 + totalCost(graph).macs / 1e6),
    });
    const { best } = await searchPipelines(given);
    expect(best?.ms).toBeLessThanOrEqual(2);
  });
  test.each([
    [{ limits: {} }, 'give a limit'],
    [{ limits: { ms: 1 } }, 'model of the costs'],
    [{ limits: { drop: 1 }, drop: undefined }, 'needs data'],
    [{ families: ['a{macs=0.5x}'] }, 'write $'],
  ])('incomplete problems are refused: %j', async (more, message) => {
    const { drop, ...given } = { ...problem().given, ...more } as SearchProblem;
    await expect(searchPipelines(drop === undefined ? given : { ...given, drop })).rejects.toThrow(
      message,
    );
  });
});

test('stopped at random moments and resumed, it gives what one run gives, and repeats nothing', async () => {
  const expected = await searchPipelines(problem().given);
  const kept = new Map<string, Measured>();
  const store: TrialStore = {
    get: (key) => Promise.resolve(kept.get(key)),
    put: (key, measured) => {
      kept.set(key, measured);
      return Promise.resolve();
    },
  };
  const random = createRandom(7);
  let applied = 0;
  for (let attempt = 0; attempt < 50; attempt++) {
    let left = 1 + random.below(3);
    const { given } = problem({ store });
    try {
      const result = await searchPipelines({
        ...given,
        apply: (pipeline) => {
          if (left-- === 0) throw new Error('killed');
          applied++;
          return given.apply(pipeline);
        },
      });
      expect(result).toEqual(expected);
      expect(applied).toBe(kept.size);
      return;
    } catch (error) {
      expect(String(error)).toContain('killed');
    }
  }
  expect.unreachable('the search never ended');
});
