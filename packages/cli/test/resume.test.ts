/** Searches that are killed go on where they were, and end as if nothing had happened. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWorkplace, decouple, type Workplace } from './support.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const passes = fileURLToPath(new URL('fixtures/deadly.ts', import.meta.url));

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
});
afterAll(() => place.clear());

/** A search of several trials, with what it writes in `folder`. */
const searching = (folder: string): string[] => [
  ...['search', place.model, '--max-drop', '20', '--eval', place.data, '--calibrate', place.data],
  ...['--passes', passes, '-p', 'decouple{macs=$x}, deadly', '-p', 'decompose{macs=$x}, deadly'],
  ...['--cache', `${folder}/trials`, '-o', `${folder}/best.onnx`, '--json'],
];

/** Runs it in a process that is killed in its trial number `at`. @returns how it ended. */
const killed = (folder: string, at: number): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    const flags = ['--conditions=@decouple/source', '--import', import.meta.resolve('tsx')];
    const child = spawn(process.execPath, [...flags, main, ...searching(folder)], {
      stdio: 'ignore',
      env: { ...process.env, DECOUPLE_TEST_KILL_AT: String(at) },
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => resolve(signal));
  });

it.skipIf(process.platform === 'win32')(
  'a search killed twice gives the bytes of one that was not',
  { timeout: 60_000 },
  async () => {
    const [whole, pieces] = [place.path('whole'), place.path('pieces')];
    const expected = await decouple(searching(whole));
    expect(expected).toMatchObject({ code: 0 });
    const trials = readdirSync(`${whole}/trials`);
    expect(trials.length).toBeGreaterThan(4);

    expect(await killed(pieces, 2)).toBe('SIGKILL');
    expect(readdirSync(`${pieces}/trials`)).toHaveLength(1);
    expect(await killed(pieces, 3)).toBe('SIGKILL');
    expect(readdirSync(`${pieces}/trials`)).toHaveLength(3);
    expect(readdirSync(pieces)).toEqual(['trials']);

    const { code, stdout } = await decouple(searching(pieces));
    expect(code).toBe(0);
    expect(stdout).toBe(expected.stdout.replaceAll(whole, pieces));
    expect(readdirSync(`${pieces}/trials`).sort()).toEqual(trials.sort());
    expect(readFileSync(`${pieces}/best.onnx`)).toEqual(readFileSync(`${whole}/best.onnx`));
  },
);
