import { modelCases, runConformance } from '@decouple/conformance';
import { GPU } from 'gpu.js';
import { describe, test } from 'vitest';
import { gpu } from '../src/index.ts';

const absent = 'headless GL is not there: `npm run setup:gl` builds it, `npm run test:gl` runs it';

/** Kernels take long to compile here: the first sample of each op, beside the networks. */
function firstOfEach(): (name: string) => boolean {
  const seen = new Map<string, string>();
  return (name) => {
    const [op = name] = name.split(':');
    if (!seen.has(op)) seen.set(op, name);
    return op === 'model' || seen.get(op) === name;
  };
}

if (GPU.isHeadlessGLSupported)
  runConformance(
    { describe, test },
    { ...gpu({ mode: 'headless-gl' }), name: 'gpu, headless-gl' },
    { cases: modelCases(), tolerance: 1e-4, only: firstOfEach(), randomGraphs: 5 },
  );
else
  test(`nothing is tested: ${absent}`, () => {
    console.warn(absent);
  });
