/** Every pass, and all of them in a row, keep the function of random networks; alone they are idempotent. */
import { randomGraphs } from '@decouple/conformance';
import { interpret } from '@decouple/ir';
import { pipeline, runPipeline, step, type Pass } from '@decouple/pass-manager';
import { difference, type Tensor } from '@decouple/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fusionPasses } from '../src/index.ts';

const cases: (readonly [string, readonly Pass[]])[] = [
  ...fusionPasses.map((pass) => [pass.name, [pass]] as const),
  ['all', fusionPasses],
];
test.each(cases)('%s', async (_name, passes) => {
  const steps = pipeline(passes.map((pass) => step(pass)));
  await fc.assert(
    fc.asyncProperty(randomGraphs, async ({ graph, inputs }) => {
      const result = await runPipeline(graph, steps);
      if (passes.length === 1) {
        const again = await runPipeline(result.graph, steps);
        expect(again.passes[0]?.rewrites).toBe(0);
      }
      const [expected, actual] = [interpret(graph, inputs), interpret(result.graph, inputs)];
      for (const [name, value] of Object.entries(expected))
        expect(difference(actual[name] as Tensor, value).maxRel).toBeLessThanOrEqual(1e-5);
    }),
    { numRuns: 40, seed: 5 },
  );
});
