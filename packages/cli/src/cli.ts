/**
 * The command line: parses arguments, calls the facade, turns errors into exit codes.
 *
 *   0  done      1  the model, the data or the machine can't do it      2  the command line is wrong      130  Ctrl-C
 *
 * Commands load the facade when they run, so that help and mistakes answer at once.
 */
import { Command, CommanderError } from 'commander';
import { addBench } from './commands/bench.ts';
import { addBisect } from './commands/bisect.ts';
import { addCheck } from './commands/check.ts';
import { addCompare } from './commands/compare.ts';
import { addCompile } from './commands/compile.ts';
import { addConvert } from './commands/convert.ts';
import { addEval } from './commands/eval.ts';
import { addExport } from './commands/export.ts';
import { addGraph } from './commands/graph.ts';
import { addInspect } from './commands/inspect.ts';
import { addOptimize } from './commands/optimize.ts';
import { addPasses } from './commands/passes.ts';
import { addReproduce } from './commands/reproduce.ts';
import { addRun } from './commands/run.ts';
import { addSearch } from './commands/search.ts';
import type { Io } from './io.ts';

const commands = [
  addInspect,
  addCheck,
  addOptimize,
  addSearch,
  addEval,
  addBench,
  addRun,
  addCompare,
  addPasses,
  addExport,
  addGraph,
  addBisect,
  addReproduce,
  addConvert,
  addCompile,
];

function createProgram(io: Io, version: string): Command {
  const program = new Command('decouple');
  program
    .description('Makes trained convolutional networks faster without training, then runs them.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: (text) => io.stderr(text) })
    .showHelpAfterError('(--help shows what is expected)')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple inspect vgg16.onnx\n  decouple optimize vgg16.onnx -p "fold-batch-norm, decouple{macs=0.4x}" -o fast.onnx\n  decouple bench vgg16.onnx fast.onnx',
    );
  for (const add of commands) add(program, io);
  return program;
}

/** One line for a person, and the exit code. */
async function explain(error: unknown, io: Io): Promise<{ code: number; line?: string }> {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2 };
  if (io.signal.aborted) return { code: 130, line: 'cancelled' };
  const { DecoupleError, InvariantError, messageOf, OptionError } =
    await import('@decouple/tensor');
  const line = messageOf(error).replace(/\s*\n\s*/g, ' ');
  if (error instanceof OptionError) return { code: 2, line };
  if (error instanceof DecoupleError && !(error instanceof InvariantError))
    return { code: 1, line };
  return { code: 1, line: `internal error, please report it: ${line}` };
}

/**
 * Runs one command line, without the program's name.
 * @returns the exit code; never throws.
 */
export async function main(argv: readonly string[], io: Io, version = '0.0.0'): Promise<number> {
  try {
    await createProgram(io, version).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    const { code, line } = await explain(error, io);
    if (line !== undefined) io.stderr(`decouple: ${line}\n`);
    if (code !== 0 && process.env.DECOUPLE_DEBUG && error instanceof Error)
      io.stderr(`${error.stack}\n`);
    return code;
  }
}
