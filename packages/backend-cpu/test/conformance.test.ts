import { modelCases, runConformance } from '@decouple/conformance';
import { describe, test } from 'vitest';
import { convKernels, cpu } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';

prepareNode();
for (const fma of [true, false])
  for (const force of [undefined, ...convKernels]) {
    const name = `cpu, ${fma ? 'fused' : 'plain'}, ${force ?? 'chosen kernels'}`;
    const backend = { ...cpu({ fma, ...(force ? { force } : {}) }), name };
    runConformance({ describe, test }, backend, { cases: modelCases() });
  }
