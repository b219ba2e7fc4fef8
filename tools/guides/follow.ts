/** Follows a guide in a copy of the project: sources are copied, installed packages are linked. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf, insertAfter, missingLines, type Block } from './blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const generated = new Set(['node_modules', 'dist', 'out', '.nx', '.git', 'test-models']);

/** node_modules with the packages of the copy in place of those of the project. */
function linkModules(copy: string): void {
  const own = new Set(['@decouple', 'decouple', '.bin']);
  const modules = join(copy, 'node_modules');
  mkdirSync(join(modules, '@decouple'), { recursive: true });
  mkdirSync(join(modules, '.bin'));
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!own.has(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const name of readdirSync(join(root, 'node_modules/.bin')))
    if (name !== 'decouple')
      symlinkSync(join(root, 'node_modules/.bin', name), join(modules, '.bin', name));
  for (const name of readdirSync(join(copy, 'packages')))
    symlinkSync(
      join(copy, 'packages', name),
      join(modules, name === 'decouple' ? name : `@decouple/${name}`),
    );
  symlinkSync(join(copy, 'packages/cli/bin/decouple.js'), join(modules, '.bin/decouple'));
}

function copyProject(copy: string): void {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(root))
    if (!generated.has(name))
      cpSync(join(root, name), join(copy, name), {
        recursive: true,
        filter: (source) => !generated.has(basename(source)) && !source.endsWith('.tsbuildinfo'),
      });
  symlinkSync(join(root, 'test-models'), join(copy, 'test-models'));
  linkModules(copy);
}

function run(command: string, cwd: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(cwd, 'node_modules/.bin')}:${process.env.PATH ?? ''}` },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`$ ${command}\nended with ${status}\n${stdout}${stderr}`);
  return stdout + stderr;
}

/** Does what one block says; returns what it printed. */
function follow(block: Block, copy: string, printed: string): string {
  switch (block.kind) {
    case 'file':
      mkdirSync(dirname(join(copy, block.path)), { recursive: true });
      writeFileSync(join(copy, block.path), block.content);
      return printed;
    case 'insert': {
      const path = join(copy, block.path);
      if (!existsSync(path)) throw new Error(`there is no file ${block.path}`);
      writeFileSync(path, insertAfter(readFileSync(path, 'utf8'), block.after, block.content));
      return printed;
    }
    case 'run':
      return block.commands.map((command) => run(command, copy)).join('\n');
    case 'expect': {
      const missing = missingLines(printed, block.lines);
      if (missing.length)
        throw new Error(`the output lacks:\n${missing.join('\n')}\nit was:\n${printed}`);
      return printed;
    }
  }
}

/**
 * Follows a guide from top to bottom.
 * @throws Error with the command and its output, or with the lines that an output lacks.
 */
export function followGuide(path: string): void {
  const copy = join(root, 'out/guides', basename(path, '.md'));
  copyProject(copy);
  let printed = '';
  for (const block of blocksOf(readFileSync(path, 'utf8'))) printed = follow(block, copy, printed);
  rmSync(copy, { recursive: true, force: true });
}
