/** `decouple reproduce`: runs a failed pass once more, from the file that the failure left. */
import type { Command } from 'commander';
import type { Reproducer, Reproduction } from 'decouple';
import { printJson, type Io } from '../io.ts';
import { loadData } from '../loading.ts';
import { loadOwnPasses } from '../pipelines.ts';
import { withProgress } from '../progress.ts';
import { showPipelineEvent } from './optimize.ts';

interface Options {
  readonly passes?: string;
  readonly json?: boolean;
}

async function replay(
  io: Io,
  file: string,
  options: Options,
): Promise<{ reproducer: Reproducer; result: Reproduction }> {
  const [{ reproduce }, { backendByName, readReproducer }] = await Promise.all([
    import('decouple'),
    import('decouple/node'),
  ]);
  const reproducer = await readReproducer(file);
  const { data, graph, original = graph } = reproducer;
  const calibration = data && (await loadData(data.path, { path: file, graph: original }, data));
  const passes = await loadOwnPasses(options.passes);
  const result = await withProgress(io, 'reproduce', (update) =>
    reproduce(reproducer, {
      calibration,
      passes,
      backend: backendByName(reproducer.backend),
      signal: io.signal,
      onEvent: showPipelineEvent(update),
    }),
  );
  return { reproducer, result };
}

export function addReproduce(program: Command, io: Io): void {
  program
    .command('reproduce <file>')
    .summary('run a pass that failed once more')
    .description(
      'Runs what a reproducer holds, the file that a failing `decouple optimize` leaves: the network before the failing\npass, the passes from there on, seed and options. Exit code 0 when the same error comes, else 1.',
    )
    .option('--passes <module>', 'passes of your own that took part')
    .option('--json', 'print JSON: { reproduced, expected, actual, versions }')
    .addHelpText('after', '\nExample:\n  decouple reproduce decouple-reproducer-fuse.safetensors')
    .action(async (file: string, options: Options) => {
      const { ModelError } = await import('decouple');
      const { reproducer, result } = await replay(io, file, options);
      const { reproduced, expected, actual } = result;
      const { versions } = reproducer;
      if (options.json) printJson(io, { ...result, versions });
      else {
        const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
        io.stdout(`made by ${made.join(', ')}: ${expected.kind}: ${expected.message}\n`);
        const got = actual ? `${actual.kind}: ${actual.message}` : 'no error';
        io.stdout(reproduced ? 'now: the same error\n' : `now: ${got}\n`);
      }
      if (!reproduced) throw new ModelError(`${file}: the error does not come again`);
    });
}
