/** What every op record promises, checked on its samples. */
import { createRandom, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { formatType, ops, recordOf, typeOfTensor, type OpKind } from '../src/index.ts';

const kinds = Object.keys(ops) as OpKind[];

describe.each(kinds)('%s', (kind) => {
  const record = recordOf(kind);
  const samples = record.samples(createRandom(1));

  test('is registered under its kind and documented', () => {
    expect(record.kind).toBe(kind);
    expect(record.doc).toMatch(/\.$/);
    const shape: Record<string, z.ZodType> = record.attrs.shape;
    for (const [name, schema] of Object.entries(shape))
      expect(schema.description, name).toBeTruthy();
  });

  test('samples have distinct names and valid attributes', () => {
    if (kind !== 'opaque') expect(samples.length).toBeGreaterThanOrEqual(3);
    expect(new Set(samples.map(({ name }) => name)).size).toBe(samples.length);
    for (const sample of samples)
      expect(record.attrs.parse(sample.attrs), sample.name).toEqual(sample.attrs);
  });

  test('samples are the same for the same seed', () => {
    expect(record.samples(createRandom(1))).toEqual(samples);
  });

  test('inference tells the types of what the reference computes', () => {
    for (const { name, inputs, attrs } of samples) {
      const types = inputs.map((input) => input && typeOfTensor(input));
      const inferred = record.infer(types, attrs);
      const results = record.reference(inputs, attrs);
      expect(results.length, name).toBe(inferred.length);
      results.forEach((result: Tensor, place) => {
        const type = inferred[place];
        if (type) expect(formatType(typeOfTensor(result)), name).toBe(formatType(type));
        expect(result.data.length, name).toBe(result.shape.reduce((a, b) => a * b, 1));
      });
    }
  });
});
