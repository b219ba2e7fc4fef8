/** Files whose weights are stored in fewer bytes. */
import { graphBuilder, type Graph } from '@decouple/ir';
import {
  createRandom,
  float32,
  ModelError,
  normals,
  OptionError,
  sizeOf,
  tensor,
  type Tensor,
  type WeightStorage,
} from '@decouple/tensor';
import { damaged } from '@decouple/tensor/mutations';
import { describe, expect, it } from 'vitest';
import { decodeDcpl, encodeDcpl } from '../src/index.ts';
import { storages } from '../src/layout.ts';

const random = createRandom(4);
const normal = (...shape: number[]): Tensor =>
  tensor('float32', shape, normals(random, sizeOf(shape)));

function net(sides: number): Graph {
  const b = graphBuilder('net');
  const w = b.constant('w', normal(16, sides, 1, 1));
  const up = b.constant('up', normal(16, sides, 2, 2));
  const y = b.node('conv2d', [b.input('x', ['N', sides, 2, 2]), w, b.constant('bias', normal(16))]);
  return b.build([b.node('conv-transpose2d', [y, up], {}, 'y')]);
}
const graph = net(256);
const numbers = (from: Graph, name: string): number[] =>
  Array.from(from.constants.get(name)?.data as Float32Array);

describe.each([
  ['f16', 1.9],
  ['i8', 3.5],
] as const)('weights of %s', (weights, ratio) => {
  const bytes = encodeDcpl(graph, { weights });
  const again = decodeDcpl(bytes);

  it('give the same graph, with weights rounded and all else exact', () => {
    expect(again.nodes).toEqual(graph.nodes);
    expect([...again.constants.keys()]).toEqual([...graph.constants.keys()]);
    expect(numbers(again, 'bias')).toEqual(numbers(graph, 'bias'));
    expect(again.constants.get('up')?.shape).toEqual([16, 256, 2, 2]);
    expect(numbers(again, 'w')).not.toEqual(numbers(graph, 'w'));
  });

  it(`make the file ${ratio} times smaller or more`, () => {
    expect(encodeDcpl(graph).length / bytes.length).toBeGreaterThan(ratio);
  });

  it('are the same bytes when written again', () => {
    const first = encodeDcpl(again, { weights });
    expect(Buffer.compare(encodeDcpl(decodeDcpl(first), { weights }), first)).toBe(0);
  });

  it('survive damage and are refused at every truncation', () => {
    const whole = encodeDcpl(net(64), { weights });
    const reads = (given: Uint8Array): boolean => {
      try {
        decodeDcpl(given, 'bad.dcpl');
        return true;
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        expect(error.message).toMatch(/^bad\.dcpl: /);
        return false;
      }
    };
    for (let percent = 0; percent < 100; percent++)
      expect(reads(whole.subarray(0, Math.floor((percent * whole.length) / 100)))).toBe(false);
    expect(reads(whole)).toBe(true);
    let accepted = 0;
    for (let round = 0; round < 2000; round++) accepted += Number(reads(damaged(whole, random)));
    expect(accepted).toBeGreaterThan(20);
    expect(accepted).toBeLessThan(1900);
  });
});

it('float16 weights are within half an ulp, and those beyond its range stay float32', () => {
  const again = decodeDcpl(encodeDcpl(graph, { weights: 'f16' }));
  const own = numbers(again, 'up');
  numbers(graph, 'up').forEach((value, at) => {
    const error = Math.abs((own[at] as number) - value);
    expect(error).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
  });
  const b = graphBuilder('large');
  const w = b.constant('w', float32([2, 1024], new Float32Array(2048).fill(1e5)));
  const large = b.build([b.node('linear', [b.input('x', [1, 1024]), w])]);
  expect(numbers(decodeDcpl(encodeDcpl(large, { weights: 'f16' })), 'w')).toEqual(
    numbers(large, 'w'),
  );
});

it.each([
  ['w', 256],
  ['up', 4],
])('8-bit weights %s are within half a step of their output channel', (name, inner) => {
  const again = numbers(decodeDcpl(encodeDcpl(graph, { weights: 'i8' })), name);
  const values = numbers(graph, name);
  const channels = name === 'w' ? 16 : 256;
  const channelOf = (at: number): number => Math.floor(at / inner) % channels;
  const largest = new Float32Array(channels);
  for (const [at, value] of values.entries()) {
    const channel = channelOf(at);
    largest[channel] = Math.max(largest[channel] as number, Math.abs(value));
  }
  const worst = values.map(
    (value, at) => Math.abs((again[at] as number) - value) / (largest[channelOf(at)] as number),
  );
  expect(Math.max(...worst)).toBeLessThanOrEqual(1 / 253.99);
  expect(Math.max(...worst)).toBeGreaterThan(1 / 300);
});

it('what contradicts itself is named', () => {
  const b = graphBuilder('n');
  const w = b.constant('w', normal(16, 64, 1, 1));
  const y = b.node('conv2d', [b.input('x', ['N', 64, 2, 2]), w]);
  const bytes = encodeDcpl(b.build([y]), { weights: 'i8' });
  const dataStart = bytes.length - (16 * 4 + 16 * 64);
  const changed = (at: number, set: (view: DataView, at: number) => void): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    set(new DataView(copy.buffer), at);
    return copy;
  };
  for (const step of [Number.NaN, Infinity, 0, -1]) {
    const file = changed(dataStart + 8, (view, at) => view.setFloat32(at, step, true));
    expect(() => decodeDcpl(file)).toThrow(/constant 'w': step .* of channel 2/);
  }
  // The number of the storage is the only 2 of four bytes whose change makes it another storage of the constant.
  const withStorage = (storage: number): string[] =>
    Array.from({ length: dataStart / 4 }, (_, word) => 4 * word)
      .filter((at) => new DataView(bytes.buffer).getUint32(at, true) === storages.i8)
      .map((at) => changed(at, (view) => view.setUint32(at, storage, true)))
      .flatMap((file) => {
        try {
          decodeDcpl(file);
          return [];
        } catch (error) {
          return [(error as Error).message];
        }
      });
  expect(withStorage(7)).toContainEqual(expect.stringMatching(/'w': storage 7 is not known/));
  expect(withStorage(1)).toContainEqual(expect.stringMatching(/'w': float32.* has not 1088 bytes/));
  expect(withStorage(0)).toContainEqual(expect.stringMatching(/'w': float32.* has not 1088 bytes/));
});

it('storages have names', () => {
  expect(() => encodeDcpl(graph, { weights: 'i4' as WeightStorage })).toThrow(OptionError);
});
