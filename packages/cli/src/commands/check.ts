/** `decouple check`: everything that is wrong with a model. */
import type { Command } from 'commander';
import { printJson, type Io } from '../io.ts';

interface Options {
  readonly backend?: string;
  readonly json?: boolean;
}

export function addCheck(program: Command, io: Io): void {
  program
    .command('check <model>')
    .summary('list everything wrong with a model')
    .description(
      'Lists everything wrong with a model at once: what is malformed or not understood, shapes that do not fit,\nweights of NaN or Infinity, and what a backend can not run. Exit code 1 when there is something.',
    )
    .option('--backend <name>', 'also what this backend can not run')
    .option('--json', 'print JSON: { ok, problems: [{ node, op, message }] }')
    .addHelpText('after', '\nExample:\n  decouple check detector.onnx --backend cpu')
    .action(async (path: string, options: Options) => {
      const [{ ModelError }, { backendByName, checkModel }] = await Promise.all([
        import('decouple'),
        import('decouple/node'),
      ]);
      const backend = options.backend === undefined ? undefined : backendByName(options.backend);
      const result = await checkModel(path, backend);
      const { ok, problems } = result;
      if (options.json) printJson(io, result);
      else
        io.stdout(
          ok
            ? `${path}: no problems\n`
            : problems.map(({ node, op, message }) => `${op} '${node}': ${message}\n`).join(''),
        );
      if (!ok)
        throw new ModelError(
          `${path}: ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
        );
    });
}
