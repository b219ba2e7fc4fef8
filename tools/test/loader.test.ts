import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateLoader, loaderPath } from '../loader/index.ts';

test('the loader of compiled networks is the one that its source gives (npm run loader)', async () => {
  expect(readFileSync(loaderPath, 'utf8')).toBe(await generateLoader());
});
