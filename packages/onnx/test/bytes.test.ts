/** Weights that stay in the bytes of their file. */
import { isDeepStrictEqual } from 'node:util';
import { graphBuilder } from '@decouple/ir';
import { createRandom, float32, normals } from '@decouple/tensor';
import { expect, test } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';

/** Names of several lengths, so that data begin at all places modulo 4. */
const names = ['w', 'ww', 'www', 'wwww', 'wwwww'];
const size = 2 ** 15;

function file(): Uint8Array<ArrayBuffer> {
  const b = graphBuilder('bytes');
  let y = b.input('x', [1, size]);
  for (const [index, name] of names.entries()) {
    const value = float32([1, size], normals(createRandom(index + 1), size, 1));
    y = b.node('add', [y, b.constant(name, value)]);
  }
  return Uint8Array.from(exportOnnx(b.build([y])));
}

test('large weights stay in bytes that may be changed', () => {
  const bytes = file();
  const copied = importOnnx(file()).graph.constants;
  const kept = importOnnx(bytes, { bytesAreOurs: true }).graph.constants;
  expect([...kept.keys()]).toEqual([...copied.keys()]);
  for (const [name, { data }] of kept) {
    expect(data.buffer).toBe(bytes.buffer);
    expect(isDeepStrictEqual(data, copied.get(name)?.data)).toBe(true);
  }
});

test('other bytes are left as they are', () => {
  const bytes = file();
  const before = bytes.slice();
  const { constants } = importOnnx(bytes).graph;
  expect(isDeepStrictEqual(bytes, before)).toBe(true);
  for (const { data } of constants.values()) expect(data.buffer).not.toBe(bytes.buffer);
});
