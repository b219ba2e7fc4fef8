/**
 * The suite that every backend runs. It is free of any test framework: a backend's test passes `describe` and
 * `test` of the one it uses.
 */
import fc from 'fast-check';
import { interpret } from '@decouple/ir';
import { difference, type Tensor } from '@decouple/tensor';
import type { Backend } from '@decouple/backend';
import { conformanceCases, type ConformanceCase } from './cases.ts';
import { randomGraphs } from './random-graphs.ts';

/** What the suite needs of a test framework; vitest, jest, mocha and node:test fit. */
export interface TestFramework {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => void | Promise<void>) => void;
}

export interface ConformanceOptions {
  /** Largest difference from the interpreter, relative to the largest expected value. Default 1e-5. */
  readonly tolerance?: number;
  /** Cases not run, by name, each with the reason; the reason is printed. */
  readonly skips?: Readonly<Record<string, string>>;
  /** Which cases to run, by name: for backends whose variants differ in some ops only. Default all. */
  readonly only?: (name: string) => boolean;
  /** Number of random networks. Default 50. */
  readonly randomGraphs?: number;
  readonly seed?: number;
  /** More cases, e.g. test models. */
  readonly cases?: readonly ConformanceCase[];
}

/** Runs one case on the backend. Throws an Error that names the output and the difference. */
export async function checkCase(
  backend: Backend,
  { name, graph, inputs }: ConformanceCase,
  tolerance = 1e-5,
): Promise<void> {
  const expected = interpret(graph, inputs);
  const executable = await backend.compile(graph);
  try {
    const actual = await executable.run(inputs);
    for (const [output, value] of Object.entries(expected))
      requireClose(`${name}: '${output}'`, actual[output], value, tolerance);
  } finally {
    executable.dispose();
  }
}

function requireClose(
  where: string,
  actual: Tensor | undefined,
  expected: Tensor,
  tolerance: number,
): void {
  if (!actual) throw new Error(`${where} is missing`);
  if (actual.dtype !== expected.dtype)
    throw new Error(`${where} is ${actual.dtype}, expected ${expected.dtype}`);
  const { maxAbs, maxRel } = difference(actual, expected);
  if (!(maxRel <= tolerance))
    throw new Error(
      `${where} differs by ${maxAbs} (${maxRel} relative; at most ${tolerance} allowed)`,
    );
}

/** Registers the whole suite for a backend: op samples, random networks, and the given cases. */
export function runConformance(
  { describe, test }: TestFramework,
  backend: Backend,
  options: ConformanceOptions = {},
): void {
  const { tolerance = 1e-5, skips = {}, seed = 1, cases = [], only = () => true } = options;
  describe(`conformance of ${backend.name}`, () => {
    const all = [...conformanceCases(), ...cases].filter(({ name }) => only(name));
    const names = new Set(all.map((item) => item.name));
    for (const item of all) {
      const reason = skips[item.name];
      if (reason === undefined) test(item.name, () => checkCase(backend, item, tolerance));
      else test(`${item.name} (skipped: ${reason})`, () => undefined);
    }
    test('every skip names a case', () => {
      const stale = Object.keys(skips).filter((name) => !names.has(name));
      if (stale.length) throw new Error(`no such cases: ${stale.join('; ')}`);
    });
    test('random networks', () =>
      fc.assert(
        fc.asyncProperty(randomGraphs, (item) => checkCase(backend, item, tolerance)),
        { seed, numRuns: options.randomGraphs ?? 50 },
      ));
  });
}
