import { modelCases, runConformance } from '@decouple/conformance';
import { describe, test } from 'vitest';
import { gpu } from '../src/index.ts';

for (const mode of ['webassembly', 'cpu'] as const)
  runConformance(
    { describe, test },
    { ...gpu({ mode }), name: `gpu, ${mode}` },
    { cases: modelCases(), tolerance: 1e-5 },
  );
