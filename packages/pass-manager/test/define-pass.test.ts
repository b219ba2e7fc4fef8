import { InvariantError } from '@decouple/tensor';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { definePass, type Pass } from '../src/index.ts';

test('a pass has either rules or run', () => {
  const common = {
    name: 'nothing',
    summary: 'Does nothing.',
    effect: 'exact',
    options: z.strictObject({}),
  } as const;
  expect(() => definePass(common)).toThrow(InvariantError);
  expect(() => definePass({ ...common, rules: {}, run: (graph) => graph })).toThrow(InvariantError);
  expect(definePass({ ...common, rules: {} }).name).toBe('nothing');
});

test('options, counters and nodes are typed, and passes of different options share a list', () => {
  const typed = definePass({
    name: 'typed',
    summary: 'Shows types.',
    effect: 'approximate',
    options: z.strictObject({ terms: z.int().default(2).describe('terms kept') }),
    statistics: { seen: 'nodes seen' },
    rules: {
      conv2d: (node, graph, options, context) => {
        context.count('seen', node.attrs.groups * options.terms);
        // @ts-expect-error undeclared counter
        context.count('other');
        return graph.nodes.length ? { skip: 'never' } : undefined;
      },
    },
  });
  const other = definePass({
    name: 'other',
    summary: 'Shows types.',
    effect: 'exact',
    options: z.strictObject({ form: z.enum(['a', 'b']) }),
    run: (graph, options) => (options.form === 'a' ? graph : graph),
  });
  const passes: Pass[] = [typed, other];
  expect(passes.map((pass) => pass.name)).toEqual(['typed', 'other']);
});
