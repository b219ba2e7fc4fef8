// Infers build / typecheck / lint / test for every packages/*/package.json,
// so the packages hold no scripts and no project.json.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const run = (command, cwd, rest) => ({
  executor: 'nx:run-commands',
  options: { command, cwd },
  cache: true,
  ...rest,
});

export const name = 'workspace-targets';

export const createNodesV2 = [
  'packages/*/package.json',
  (files) =>
    files.map((file) => {
      const root = dirname(file);
      const targets = {
        build: run('tsc -b tsconfig.lib.json', root, {
          dependsOn: ['^build'],
          inputs: ['source', '^source'],
          outputs: ['{projectRoot}/dist'],
        }),
        typecheck: run('tsc -b tsconfig.test.json', root, {
          dependsOn: ['build'],
          inputs: ['default', '^source'],
          outputs: [],
        }),
        lint: run('eslint .', root, { inputs: ['default', '^source'], outputs: [] }),
      };
      if (existsSync(`${root}/test`))
        targets.test = run('vitest run', root, { inputs: ['default', '^source'], outputs: [] });
      return [file, { projects: { [root]: { name: basename(root), root, targets } } }];
    }),
];
