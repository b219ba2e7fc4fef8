import { modelCases, runConformance } from '@decouple/conformance';
import { GPU } from 'gpu.js';
import { describe, test } from 'vitest';
import { gpu } from '../src/index.ts';

const absent = 'headless GL is not there: `npm run setup:gl` builds it, `npm run test:gl` runs it';

if (GPU.isHeadlessGLSupported)
  runConformance(
    { describe, test },
    { ...gpu({ mode: 'headless-gl' }), name: 'gpu, headless-gl' },
    { cases: modelCases(), tolerance: 1e-4 },
  );
else
  test(`nothing is tested: ${absent}`, () => {
    console.warn(absent);
  });
