import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepRates, knownRates, machineKey } from '@decouple/cost-model/node';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'decouple-rates-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('rates are kept by machine and code', () => {
  const key = machineKey(new Uint8Array([1, 2, 3]));
  expect(machineKey(new Uint8Array([1, 2, 3]))).toBe(key);
  expect(machineKey(new Uint8Array([1, 2, 4]))).not.toBe(key);
  expect(knownRates(key, folder)).toBeUndefined();
  keepRates(key, { fma: 0.14 }, folder);
  expect(knownRates(key, folder)).toEqual({ fma: 0.14 });
  expect(readdirSync(folder)).toEqual([`${key}.json`]);
});

test.each(['', '{', '{"rates": {"fma": "fast"}}', '{"rates": {"fma": -1}}'])(
  'a damaged file counts as none: %s',
  (text) => {
    writeFileSync(join(folder, 'damaged.json'), text);
    expect(knownRates('damaged', folder)).toBeUndefined();
  },
);

test('a folder that cannot be written to is no error', () => {
  keepRates('key', { fma: 1 }, join(folder, 'damaged.json', 'below'));
});
