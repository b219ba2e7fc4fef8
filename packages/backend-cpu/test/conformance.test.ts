import { modelCases, runConformance } from '@decouple/conformance';
import { describe, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';

prepareNode();
for (const fma of [true, false]) {
  const backend = { ...cpu({ fma }), name: `cpu, ${fma ? 'fused' : 'plain'}` };
  runConformance({ describe, test }, backend, { cases: modelCases() });
}
