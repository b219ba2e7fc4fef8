// Infers lint / test for every packages/*/package.json, so the packages hold no scripts and no project.json. The tools
// are a project of their own. `tsc -b` builds and type-checks them all in one process, which reads everything once.
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
