/** Generated documentation is what the code says. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { formatMarkdown } from '../docs/format.ts';
import { opsDocument } from '../docs/ops.ts';

it('docs/ops.md is current', async () => {
  const path = fileURLToPath(new URL('../../docs/ops.md', import.meta.url));
  const current = readFileSync(path, 'utf8') === (await formatMarkdown(opsDocument(), path));
  expect(current, 'docs/ops.md differs from the tables: run `npm run docs` and commit it').toBe(
    true,
  );
});
