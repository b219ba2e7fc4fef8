/** Finding out what a pipeline does and where it goes wrong. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { interpret } from 'decouple';
import { readModel, readNpy } from 'decouple/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkplace, decouple, decoupleJson, type Workplace } from './support.ts';

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
});
afterAll(() => place.clear());

const passes = fileURLToPath(new URL('fixtures/passes.ts', import.meta.url));

describe('optimize', () => {
  it('prints what passes changed, to standard error or into files', async () => {
    const argv = ['optimize', place.model, '-p', 'fuse, fuse', '--print-after'];
    const { stderr } = await decouple([...argv, 'changed']);
    expect(stderr).toMatch(/^# changed by fuse\n- %conv1 = conv2d.*\n- %relu1 = relu.*\n\+ /);
    expect(stderr.match(/^# /gm)).toHaveLength(1);
    const folder = place.path('prints');
    const silent = await decouple([...argv, 'all', '--print-dir', folder]);
    expect(silent.stderr).toBe('');
    expect(readdirSync(folder)).toEqual(['01-fuse.txt', '02-fuse.txt']);
    expect(readFileSync(`${folder}/01-fuse.txt`, 'utf8')).toMatch(/^# after fuse\ngraph "tiny" \{/);
    const wrong = await decouple([...argv, 'fuze']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/did you mean 'fuse'/);
  });

  it('stops after a number of rewrites, also inside decouple', async () => {
    interface Report {
      passes: { name: string; rewrites: number; statistics: object }[];
    }
    const argv = ['optimize', place.model, '-p', 'decouple{terms=1}, fuse', '--stop-after'];
    const { passes: reports } = await decoupleJson<Report>(...argv, '1');
    expect(reports).toMatchObject([
      { name: 'decouple', rewrites: 1, statistics: { replaced: 1, kept: 0 } },
    ]);
    expect((await decoupleJson<Report>(...argv, '3')).passes).toMatchObject([
      { name: 'decouple', rewrites: 2 },
      { name: 'fuse', rewrites: 1 },
    ]);
  });

  it('tells where the error comes from', async () => {
    const argv = ['optimize', place.model, '-p', 'decouple{terms={conv2=1}}, fuse', '--ledger'];
    const { stdout } = await decouple([...argv, '--calibrate', place.data]);
    expect(stdout).toMatch(
      /largest part: conv2, by decouple: [\d.]+; on 12 samples of .*, which passes saw/,
    );
    expect(await decoupleJson(...argv)).toMatchObject({
      ledger: { data: 'random inputs', samples: 32, worst: { pass: 'decouple', layer: 'conv2' } },
    });
  });

  it('takes pipelines from files, as text and as JSON', async () => {
    writeFileSync(place.path('p.json'), '[{"repeat": ["fuse", "remove-identity"], "max": 3}]\n');
    writeFileSync(place.path('p.txt'), 'repeat{max=3}(\n  fuse,\n  remove-identity\n)\n');
    for (const file of ['p.json', 'p.txt']) {
      const argv = ['optimize', place.model, '-p', `@${place.path(file)}`];
      expect(await decoupleJson(...argv)).toMatchObject({
        pipeline: 'repeat{max=3}(fuse, remove-identity)',
        passes: [
          { name: 'fuse', groups: ['repeat 1'], rewrites: 1 },
          { name: 'remove-identity', groups: ['repeat 1'] },
          { name: 'fuse', groups: ['repeat 2'], rewrites: 0 },
          { name: 'remove-identity', groups: ['repeat 2'] },
        ],
      });
    }
    const missing = await decouple(['optimize', place.model, '-p', '@none.json']);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/none\.json: can't be read/);
  });
});

describe('bisect', () => {
  const pipeline = 'fold-batch-norm, fuse-activations, halve';

  it('names the wrong rewrite, and how to get the networks around it', async () => {
    const argv = ['bisect', place.model, '-p', 'halve, fuse', '--passes', passes];
    const { code, stdout, stderr } = await decouple(argv);
    expect(code).toBe(1);
    expect(stderr).toBe("decouple: rewrite 2, of pass 'halve', is wrong\n");
    expect(stdout).toMatch(
      /The first wrong rewrite is number 2, of pass halve, rule conv2d, at node 'conv2'\./,
    );
    expect(stdout).toMatch(/\n- %conv2 = conv2d\(%relu1, %w2.*\n\+ %conv2 = conv2d/);
    const commands = [...stdout.matchAll(/ {2}decouple (.*) -o (\w+)\.onnx/g)];
    expect(commands.map(([, , file]) => file)).toEqual(['right', 'wrong']);
    const input = readNpy(place.input);
    const results = [interpret(await readModel(place.model), { input })];
    for (const [, command = '', file = ''] of commands) {
      const words = command
        .split(/ (?=(?:[^']*'[^']*')*[^']*$)/)
        .map((word) => word.replaceAll("'", ''));
      const out = place.path(`${file}.onnx`);
      expect((await decouple([...words, '-o', out])).code).toBe(0);
      results.push(interpret(await readModel(out), { input }));
    }
    expect(results[1]?.logits).toEqual(results[0]?.logits);
    expect(results[2]?.logits).not.toEqual(results[0]?.logits);
  });

  it('gives JSON, and is content with what is right', async () => {
    const found = await decouple([
      ...['bisect', place.model, '-p', pipeline, '--passes', passes],
      ...['--input', place.input, '--json'],
    ]);
    expect(found.code).toBe(1);
    expect(JSON.parse(found.stdout)).toMatchObject({
      passes: [{ pass: 'fold-batch-norm' }, { pass: 'fuse-activations' }, { pass: 'halve' }],
      wrong: { pass: 'halve', rule: 'conv2d', node: 'conv2', number: 2 },
    });
    const { code, stdout } = await decouple(['bisect', place.model, '-p', 'decouple, fuse']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/decouple +approximate +\d+ +[\d.]+e[+-]\d\n/);
    expect(stdout).toMatch(/no rewrite is wrong\n$/);
  });
});

describe('reproduce', () => {
  it('runs what failed once more', async () => {
    const failed = await decouple([
      ...['optimize', place.model, '-p', 'fuse, failing, fuse', '--passes', passes],
      ...['--calibrate', place.data, '--samples', '5', '-o', place.path('no.onnx')],
    ]);
    expect(failed.code).toBe(1);
    const file = place.path('decouple-reproducer-failing.safetensors');
    expect(failed.stderr).toContain(`to run this again: decouple reproduce ${file}\n`);
    expect(readdirSync(place.folder).filter((name) => /no\.onnx|tmp/.test(name))).toEqual([]);
    const again = await decouple(['reproduce', file, '--passes', passes]);
    expect(again.stderr).toBe('');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(
      /^made by decouple [\d.]+, node [\d.]+: InvariantError: pass 'failing': can't do tiny\nnow: the same error\n$/,
    );
    const unknown = await decouple(['reproduce', file]);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/pipeline\[0\]: no pass 'failing'/);
  });

  it('leaves none for wrong options', async () => {
    const argv = [
      'optimize',
      place.model,
      '-p',
      'decouple{skip=[none]}',
      '-o',
      place.path('a/b.onnx'),
    ];
    const { code, stderr } = await decouple(argv);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/reproduce/);
  });

  it('refuses other files', async () => {
    const { code, stderr } = await decouple(['reproduce', place.model]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^decouple: .*tiny\.onnx: not a reproducer: [^\n]+\n$/);
  });
});

describe('passes', () => {
  it('documents groups and passes of the user', async () => {
    const { stdout } = await decouple(['passes', '--passes', passes]);
    expect(stdout).toMatch(/\nhalve \(exact\)\n {2}Is wrong about one layer\./);
    expect(stdout).toMatch(/\nrepeat\{max=…\}\(PASS, …\)\n[^]*max: integer ≥ 1, ≤ 1000 = 10/);
    const { stdout: one } = await decouple(['passes', 'repeat']);
    expect(one).toMatch(/^repeat\{max=…\}/);
  });

  it('prints the schema of pipelines', async () => {
    const { stdout, code } = await decouple(['passes', '--schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
    });
    expect(stdout).toContain('"const": "fold-batch-norm"');
  });

  it('says what is wrong with a module', async () => {
    const load = (path: string) => decouple(['passes', '--passes', path]);
    expect((await load(place.path('none.js'))).stderr).toMatch(/none\.js: no such file/);
    writeFileSync(place.path('empty.mjs'), 'export const x = 1;');
    expect((await load(place.path('empty.mjs'))).stderr).toMatch(/empty\.mjs: exports no pass/);
    writeFileSync(place.path('broken.mjs'), 'throw new Error("oops")');
    expect((await load(place.path('broken.mjs'))).stderr).toMatch(/can't be loaded: oops/);
  });
});
