import { allocate, type Choice } from '@decouple/decomposition';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const choices = fc.array(
  fc.record({ cost: fc.integer({ min: 1, max: 100 }), error: fc.integer({ min: 0, max: 1000 }) }),
  { minLength: 1, maxLength: 6 },
);

const macsOf = (chosen: readonly Choice[]): number =>
  chosen.reduce((sum, { cost }) => sum + cost, 0);
const errorOf = (chosen: readonly Choice[]): number =>
  chosen.reduce((sum, { error }) => sum + error, 0);
const combinations = (layers: readonly Choice[][]): Choice[][] =>
  layers.reduce<Choice[][]>(
    (all, layer) => all.flatMap((head) => layer.map((choice) => [...head, choice])),
    [[]],
  );

test('the budget holds, and no combination within it has a smaller error', () => {
  fc.assert(
    fc.property(
      fc.array(choices, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 400 }),
      (layers, budget) => {
        const chosen = allocate(layers, budget);
        const fitting = combinations(layers).filter((combination) => macsOf(combination) <= budget);
        if (!chosen) {
          expect(fitting).toEqual([]);
          return;
        }
        expect(macsOf(chosen)).toBeLessThanOrEqual(budget);
        expect(errorOf(chosen)).toBe(Math.min(...fitting.map(errorOf)));
      },
    ),
    { numRuns: 300 },
  );
});
