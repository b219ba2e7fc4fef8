/** The API reference can be written from the docstrings; broken links in them are errors. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('the API reference has no broken links', { timeout: 300_000 }, () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const typedoc = fileURLToPath(new URL('../../node_modules/typedoc/bin/typedoc', import.meta.url));
  // Without links to sources: they would need a remote repository.
  const run = spawnSync(process.execPath, [typedoc, '--emit', 'none', '--disableSources'], {
    cwd,
    encoding: 'utf8',
  });
  expect(run.stderr + run.stdout).toBe('');
  expect(run.status).toBe(0);
});
