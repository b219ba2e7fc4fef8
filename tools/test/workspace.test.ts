/** The workspace as a whole. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('every package is built and type-checked', () => {
  const packages = readdirSync(`${root}/packages`).sort();
  const { references } = JSON.parse(readFileSync(`${root}/tsconfig.json`, 'utf8')) as {
    references: { path: string }[];
  };
  expect(references.map(({ path }) => path.replace('packages/', '')).sort()).toEqual(packages);
});
