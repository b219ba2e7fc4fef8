import { modelCases, runConformance } from '@decouple/conformance';
import { describe, test } from 'vitest';
import { convKernels, cpu } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';

prepareNode();
const models = modelCases();
for (const fma of [true, false]) {
  const arithmetic = fma ? 'fused' : 'plain';
  const chosen = { ...cpu({ fma }), name: `cpu, ${arithmetic}` };
  runConformance({ describe, test }, chosen, { cases: models });
  for (const force of convKernels)
    runConformance(
      { describe, test },
      { ...cpu({ fma, force }), name: `cpu, ${arithmetic}, ${force} wherever it applies` },
      { cases: models, only: (name) => /^(conv2d|model)/.test(name), randomGraphs: 20 },
    );
}
