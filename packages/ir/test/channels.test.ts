/**
 * What records say about channels, against their own reference: on every sample, an op with some channels removed
 * gives what it gave, without those channels.
 */
import {
  allocate,
  createRandom,
  difference,
  sizeOf,
  stridesOf,
  tensor,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import {
  ops,
  recordOf,
  type ChannelPlace,
  type ChannelTie,
  type OpKind,
  type Sample,
} from '../src/index.ts';

/** The tensor with only `kept` indices along an axis. */
function take(value: Tensor, axis: number, kept: readonly number[]): Tensor {
  const shape = value.shape.map((size, place) => (place === axis ? kept.length : size));
  const [from, to] = [stridesOf(value.shape), stridesOf(shape)];
  const data = allocate(value.dtype, sizeOf(shape)) as Float32Array;
  for (let at = 0; at < data.length; at++) {
    let source = 0;
    for (let place = 0; place < shape.length; place++) {
      const index = Math.floor(at / (to[place] as number)) % Math.max(1, shape[place] as number);
      source += (place === axis ? (kept[index] as number) : index) * (from[place] as number);
    }
    data[at] = value.data[source] as number;
  }
  return tensor(value.dtype, shape, data);
}

const axisOf = (place: ChannelPlace): number => ('input' in place ? (place.axis ?? 1) : 1);

/** Indices along the place's axis that the dropped channels take. */
function indicesOf(place: ChannelPlace, channels: readonly number[]): number[] {
  const { first = 0, block = 1 } = place;
  return channels.flatMap((channel) =>
    Array.from({ length: block }, (_, offset) => first + channel * block + offset),
  );
}

const isAt =
  (kind: 'input' | 'output', index: number) =>
  (place: ChannelPlace): boolean =>
    (place as Partial<Record<'input' | 'output', number>>)[kind] === index;

/** The value without the dropped channels of all ties that lie in it. */
function without(
  value: Tensor,
  ties: readonly ChannelTie[],
  dropped: readonly (readonly number[])[],
  here: (place: ChannelPlace) => boolean,
): Tensor {
  const gone = new Map<number, Set<number>>();
  ties.forEach(({ places }, tie) => {
    for (const place of places.filter(here))
      for (const index of indicesOf(place, dropped[tie] ?? [])) {
        const axis = axisOf(place);
        gone.set(axis, (gone.get(axis) ?? new Set()).add(index));
      }
  });
  return [...gone].reduce((rest, [axis, indices]) => {
    const all = Array.from({ length: rest.shape[axis] as number }, (_, index) => index);
    return take(
      rest,
      axis,
      all.filter((index) => !indices.has(index)),
    );
  }, value);
}

/** Zeros in the place of channels that are summed over. */
function silence(value: Tensor, axis: number, indices: readonly number[]): Tensor {
  const step = sizeOf(value.shape.slice(axis + 1));
  const size = value.shape[axis] as number;
  const data = (value.data as Float32Array).map((element, at) =>
    indices.includes(Math.floor(at / step) % size) ? 0 : element,
  );
  return tensor(value.dtype, value.shape, data);
}

const typesOf = (values: readonly (Tensor | undefined)[]) =>
  values.map((value) => value && { dtype: value.dtype, shape: value.shape });

function relationOf(kind: OpKind, { inputs, attrs }: Sample<Record<string, unknown>>) {
  const record = recordOf(kind);
  const types = typesOf(inputs);
  const outputs = record.infer(types, attrs).map((type) => type ?? { dtype: 'float32', shape: [] });
  return record.channels?.(types, attrs, outputs as never, inputs);
}

function checkTies(kind: OpKind, sample: Sample<Record<string, unknown>>, seed: number): void {
  const relation = relationOf(kind, sample);
  if (!relation || !('ties' in relation)) return;
  const { ties } = relation;
  const random = createRandom(seed);
  const dropped = ties.map(({ count }) =>
    Array.from({ length: count }, (_, channel) => channel)
      .filter(() => random.below(5) < 2)
      .slice(0, Math.max(0, count - 1)),
  );
  const isSummed = ({ places }: ChannelTie): boolean => !places.some((place) => 'output' in place);
  const silenced = sample.inputs.map((value, input) =>
    ties.reduce<Tensor | undefined>((rest, tie, index) => {
      const place = isSummed(tie) ? tie.places.find(isAt('input', input)) : undefined;
      return rest && place
        ? silence(rest, axisOf(place), indicesOf(place, dropped[index] ?? []))
        : rest;
    }, value),
  );
  const whole = recordOf(kind).reference(silenced, sample.attrs);
  const attrs =
    relation.resize?.(ties.map(({ count }, tie) => count - (dropped[tie] as number[]).length)) ??
    sample.attrs;
  const cut = sample.inputs.map(
    (value, input) => value && without(value, ties, dropped, isAt('input', input)),
  );
  recordOf(kind)
    .reference(cut, attrs)
    .forEach((value, output) => {
      const expected = without(whole[output] as Tensor, ties, dropped, isAt('output', output));
      expect(value.shape).toEqual(expected.shape);
      if (sizeOf(value.shape)) expect(difference(value, expected).maxRel).toBeLessThan(1e-6);
    });
}

describe('channels removed by the record', () => {
  const kinds = (Object.keys(ops) as OpKind[]).filter((kind) => 'channels' in ops[kind]);
  test.each(kinds)('%s', (kind) => {
    const samples = recordOf(kind).samples(createRandom(3));
    let told = 0;
    samples.forEach((sample, index) => {
      const relation = relationOf(kind, sample);
      if (relation) told++;
      if (relation && 'picks' in relation) {
        const [x] = sample.inputs as [Tensor];
        const [y] = recordOf(kind).reference(sample.inputs, sample.attrs) as [Tensor];
        expect(difference(y, take(x, 1, relation.picks)).maxAbs).toBe(0);
      }
      for (let seed = 0; seed < 3; seed++) checkTies(kind, sample, 10 * index + seed);
    });
    expect(told).toBeGreaterThan(0);
  });
});

test('what mixes or counts channels has no relation', () => {
  const silent = (['softmax', 'normalize', 'reduce', 'transpose', 'pad', 'slice'] as const).map(
    (kind) =>
      recordOf(kind)
        .samples(createRandom(1))
        .some((sample) => relationOf(kind, sample) === undefined),
  );
  expect(silent).toEqual([true, true, true, true, true, true]);
  for (const kind of ['opaque', 'shape', 'matmul', 'lrn', 'max-pool-indices'] as const)
    expect(ops[kind]).not.toHaveProperty('channels');
});
