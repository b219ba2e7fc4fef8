/**
 * Tries inputs of one format, one after the other, until time is up; started by index.ts, which watches it. The input
 * in work is always in a file, so that one that hangs or kills this process can be kept.
 *
 * An input whose batch ran code that never ran before, or whose outcome is new, joins the corpus.
 */
import { writeFileSync } from 'node:fs';
import { createRandom, DecoupleError, InvariantError, messageOf } from '@decouple/tensor';
import { startCoverage } from './coverage.ts';
import { formats, nextInput } from './formats.ts';
import { limits, type FromChild, type Outcome, type ToChild } from './messages.ts';

const maxCorpus = 1000;
const batchSize = 16;

const send = (message: FromChild): void => void process.send?.(message);

/** What an outcome says once names and numbers are left out. */
const kindOf = ({ error, message }: Outcome): string =>
  `${error} ${message.replace(/'[^']*'|"[^"]*"|\[[^\]]*\]|[\d.]+/g, '')}`.slice(0, 200);

function describe(error: unknown): Pick<Outcome, 'error' | 'message'> {
  const ours = error instanceof DecoupleError && !(error instanceof InvariantError);
  const name = error instanceof Error ? error.name : typeof error;
  return { error: ours ? name : `bug: ${name}`, message: messageOf(error) };
}

/** Processor time, not the clock's: other programs don't count. */
const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function attempt(use: () => Promise<void>): Promise<Outcome> {
  const [ms, bytes] = [processorMs(), process.memoryUsage.rss()];
  let result: Pick<Outcome, 'error' | 'message'> = { error: '', message: '' };
  try {
    await use();
  } catch (error) {
    result = describe(error);
  }
  return { ...result, ms: processorMs() - ms, bytes: process.memoryUsage.rss() - bytes };
}

async function fuzz({ name, seed, seconds, current }: ToChild): Promise<void> {
  const format = formats.find((each) => each.name === name);
  if (!format) throw new Error(`no format ${name}`);
  const random = createRandom(seed).fork(name);
  const corpus = await format.seeds();
  const kinds = new Set<string>();
  for (const bytes of corpus) {
    writeFileSync(current, bytes);
    send({ kind: 'start' });
    const outcome = await attempt(() => format.use(bytes));
    kinds.add(kindOf(outcome));
    if (outcome.error.startsWith('bug')) send({ kind: 'outcome', outcome, input: bytes });
  }
  const coverage = await startCoverage();
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const batch: Uint8Array[] = [];
    for (let place = 0; place < batchSize; place++) {
      const bytes = nextInput(format, corpus, random).subarray(0, limits.inputBytes);
      batch.push(bytes);
      writeFileSync(current, bytes);
      send({ kind: 'start' });
      const outcome = await attempt(() => format.use(bytes));
      send({ kind: 'outcome', outcome, input: bytes });
      if (!kinds.has(kindOf(outcome)) && kinds.size < maxCorpus) {
        kinds.add(kindOf(outcome));
        corpus.push(bytes);
      }
    }
    if (await coverage.grew()) corpus.push(batch[random.below(batchSize)] as Uint8Array);
    if (corpus.length > maxCorpus) corpus.splice(random.below(maxCorpus), 1);
  }
  send({ kind: 'end', peakBytes: process.resourceUsage().maxRSS * 1024, corpus: corpus.length });
}

process.once('message', (order: ToChild) => {
  fuzz(order).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
