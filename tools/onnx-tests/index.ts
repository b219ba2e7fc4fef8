/**
 * Runs the ONNX project's backend tests (onnx/backend/test/data) on a backend:
 *
 *   npm run onnx-tests -- DIR                       a table per operator, reasons, failures
 *   npm run --silent onnx-tests -- DIR --json       { passed, failed, unsupported, perOp, failures, … }
 *   npm run onnx-tests -- DIR --backend reference   by the interpreter instead of wasm
 *
 * Exit code 1 when a test failed; what is not supported is counted apart.
 */
import { parseArgs } from 'node:util';
import { DecoupleError, OptionError } from '@decouple/tensor';
import { backendByName } from 'decouple/node';
import { progressLines } from '../report.ts';
import { findTests } from './find.ts';
import { runTest, type TestResult } from './run.ts';
import { formatSummary, summarize } from './summary.ts';

const usage = 'usage: npm run onnx-tests -- DIR [--json] [--backend cpu|reference]';

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      backend: { type: 'string', default: 'cpu' },
    },
  });
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1) throw new OptionError(usage);
  const backend = backendByName(values.backend);
  const tests = findTests(folder);
  const progress = progressLines('onnx-tests');
  const results: TestResult[] = [];
  for (const test of tests) {
    progress(results.length, tests.length, test.name);
    results.push(await runTest(test, backend));
  }
  const summary = summarize(results);
  console.error(`  onnx-tests: ${tests.length} tests done`);
  console.log(values.json ? JSON.stringify(summary, undefined, 2) : formatSummary(summary));
  if (summary.failed) process.exitCode = 1;
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError && 'code' in error;
  if (!(error instanceof DecoupleError) && !isUsage) throw error;
  console.error(isUsage ? `${error.message}\n${usage}` : (error as Error).message);
  process.exitCode = error instanceof OptionError || isUsage ? 2 : 1;
});
