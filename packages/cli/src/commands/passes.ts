/** `decouple passes`: documentation of passes and their options, from their declarations. */
import type { Command } from 'commander';
import type { PassDescription } from 'decouple';
import { printJson, type Io } from '../io.ts';

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

function formatPass({ name, effect, summary, options, statistics }: PassDescription): string {
  const documented = options.map((option) => {
    const fallback = option.default === undefined ? '' : ` = ${JSON.stringify(option.default)}`;
    const must = option.required ? ' (required)' : '';
    return (
      wrap(`${option.name}: ${option.type}${fallback}${must}`, '    ') +
      wrap(option.doc, '        ')
    );
  });
  const counted = Object.entries(statistics).map(([key, doc]) => wrap(`${key}: ${doc}`, '    '));
  return [
    `${name} (${effect})\n`,
    wrap(summary, '  '),
    ...(documented.length ? ['  options\n', ...documented] : []),
    ...(counted.length ? ['  counts\n', ...counted] : []),
  ].join('');
}

export function addPasses(program: Command, io: Io): void {
  program
    .command('passes [names...]')
    .summary('list passes and their options')
    .description(
      'Documents passes: what they do, their options with types and defaults, and what they count.\nExact passes keep the function of the network; approximate ones trade accuracy for cost.',
    )
    .option('--json', 'print JSON: [{ name, summary, effect, options, statistics }]')
    .addHelpText('after', '\nExample:\n  decouple passes decouple')
    .action(async (names: readonly string[], options: { readonly json?: boolean }) => {
      const { describePasses, parsePipeline } = await import('decouple');
      // Parsing gives the error for unknown names, with the nearest known one.
      for (const name of names) parsePipeline(name);
      const passes = describePasses().filter(({ name }) => !names.length || names.includes(name));
      if (options.json) printJson(io, passes);
      else io.stdout(passes.map(formatPass).join('\n'));
    });
}
