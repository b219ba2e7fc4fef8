// Infers build / typecheck / lint / test for every packages/*/package.json,
// so the packages hold no scripts and no project.json. The tools are a project of their own.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const run = (command, cwd, rest) => ({
  executor: 'nx:run-commands',
  options: { command, cwd },
  cache: true,
  ...rest,
});

export const name = 'workspace-targets';

/** Tools import sources of any package, so what they depend on is not worth tracking: never cached. */
const tools = {
  typecheck: run('tsc -p tsconfig.json', 'tools', { cache: false }),
  lint: run('eslint .', 'tools', { cache: false }),
  test: run('vitest run', 'tools', { cache: false }),
};

export const createNodesV2 = [
  '{packages/*/package.json,tools/tsconfig.json}',
  (files) =>
    files.map((file) => {
      const root = dirname(file);
      if (root === 'tools')
        return [file, { projects: { tools: { name: 'tools', root, targets: tools } } }];
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
        targets.test = run('vitest run', root, {
          inputs: [
            'default',
            '^source',
            '{workspaceRoot}/README.md',
            '{workspaceRoot}/test-models/**',
          ],
          outputs: [],
        });
      return [file, { projects: { [root]: { name: basename(root), root, targets } } }];
    }),
];
