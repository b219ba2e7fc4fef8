/** `decouple passes`: documentation of passes and their options, from their declarations. */
import type { Command } from 'commander';
import type { GroupDescription, OptionDescription, PassDescription } from 'decouple';
import { printJson, type Io } from '../io.ts';
import { loadOwnPasses } from '../pipelines.ts';

const width = 96;

/** Breaks text into lines, each with `indent` before it. */
function wrap(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line && indent.length + line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.map((line) => `${indent}${line}\n`).join('');
}

const formatOptions = (options: readonly OptionDescription[]): string =>
  options
    .map((option) => {
      const fallback = option.default === undefined ? '' : ` = ${JSON.stringify(option.default)}`;
      const must = option.required ? ' (required)' : '';
      return (
        wrap(`${option.name}: ${option.type}${fallback}${must}`, '    ') +
        wrap(option.doc, '        ')
      );
    })
    .join('');

function formatPass({ name, effect, summary, options, statistics }: PassDescription): string {
  const counted = Object.entries(statistics).map(([key, doc]) => wrap(`${key}: ${doc}`, '    '));
  return [
    `${name} (${effect})\n`,
    wrap(summary, '  '),
    ...(options.length ? ['  options\n', formatOptions(options)] : []),
    ...(counted.length ? ['  counts\n', ...counted] : []),
  ].join('');
}

const formatGroup = ({ syntax, summary, options }: GroupDescription): string =>
  [
    `${syntax}\n`,
    wrap(summary, '  '),
    ...(options.length ? ['  options\n', formatOptions(options)] : []),
  ].join('');

interface Options {
  readonly passes?: string;
  readonly schema?: boolean;
  readonly json?: boolean;
}

export function addPasses(program: Command, io: Io): void {
  program
    .command('passes [names...]')
    .summary('list passes and their options')
    .description(
      'Documents passes: what they do, their options with types and defaults, and what they count; without names also\nhow passes are put together. Exact passes keep the function of the network; approximate ones trade accuracy for\ncost.',
    )
    .option('--passes <module>', 'also the passes that this JavaScript or TypeScript file exports')
    .option('--schema', 'print the JSON Schema of pipelines in JSON form')
    .option('--json', 'print JSON: [{ name, summary, effect, options, statistics }]')
    .addHelpText(
      'after',
      '\nExamples:\n  decouple passes decouple\n  decouple passes --schema > pipeline.schema.json',
    )
    .action(async (names: readonly string[], options: Options) => {
      const { builtInPasses, describeGroups, describePass, parsePipeline, pipelineSchema } =
        await import('decouple');
      const own = await loadOwnPasses(options.passes);
      // Parsing gives the error for unknown names, with the nearest known one.
      for (const name of names) if (name !== 'repeat') parsePipeline(name, own);
      const wanted = [...builtInPasses, ...own].filter(
        ({ name }) => !names.length || names.includes(name),
      );
      if (options.schema) return printJson(io, pipelineSchema(wanted));
      const passes = wanted.map((pass) => describePass(pass));
      if (options.json) return printJson(io, passes);
      const groups = describeGroups().filter(
        ({ syntax }) => !names.length || names.some((name) => syntax.startsWith(`${name}{`)),
      );
      io.stdout([...passes.map(formatPass), ...groups.map(formatGroup)].join('\n'));
    });
}
