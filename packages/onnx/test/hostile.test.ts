/** Damaged files: truncated or with changed bytes they give an error of ours, or import; never anything else. */
import { readFileSync } from 'node:fs';
import { createRandom, DecoupleError, float32, int64 } from '@decouple/tensor';
import { damaged } from '@decouple/tensor/mutations';
import { describe, expect, it } from 'vitest';
import { checkOnnx, importOnnx } from '../src/index.ts';
import { model, node } from './protos.ts';

const small = model({
  inputs: { x: ['N', 3, 6, 6] },
  outputs: ['y'],
  constants: {
    w: float32([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]),
    zero: int64([0]),
    one: int64([1]),
    rest: int64([-1]),
  },
  nodes: [
    node('Conv', 'x w', 'a', { pads: [0, 0, 0, 0], strides: [1, 1] }),
    node('Shape', 'a', 's'),
    node('Slice', 's zero one', 'n'),
    node('Concat', 'n rest', 't', { axis: 0 }),
    node('Reshape', 'a t', 'f'),
    node('Clip', 'f', 'g'),
    node('Mystery', 'g', 'y', { mode: 'a' }, { domain: 'com.example' }),
  ],
});

/** Whether the bytes import; anything thrown must be an error of ours. Checking finds problems just when they don't. */
function imports(bytes: Uint8Array): boolean {
  const importable = importsWhole(bytes);
  const { graph, problems } = checkOnnx(bytes, { file: 'damaged.onnx' });
  const fatal = problems.filter(({ message }) => !message.startsWith('is kept as opaque'));
  expect(fatal.length === 0 && graph !== undefined).toBe(importable);
  return importable;
}

function importsWhole(bytes: Uint8Array): boolean {
  try {
    importOnnx(bytes, { file: 'damaged.onnx' });
    return true;
  } catch (error) {
    if (!(error instanceof DecoupleError)) throw error;
    expect(error.message).toMatch(/^damaged\.onnx: /);
    return false;
  }
}

describe('damaged files', () => {
  it('refuses every truncation', () => {
    for (let length = 0; length < small.length; length++)
      expect(imports(small.subarray(0, length)), `${length} of ${small.length} bytes`).toBe(false);
    expect(imports(small)).toBe(true);
  });

  it('survives any changed byte', () => {
    for (let at = 0; at < small.length; at++)
      for (const change of [1, 0x80, 0xff]) {
        const bytes = Uint8Array.from(small);
        bytes[at] = (bytes[at] as number) ^ change;
        imports(bytes);
      }
  });

  it('survives ten thousand seeded damages', () => {
    const random = createRandom(11);
    const tokens = ['x', 'Conv', 'Reshape', 'axis', 'constructor', '__proto__', ''].map((text) =>
      new TextEncoder().encode(text),
    );
    let accepted = 0;
    for (let round = 0; round < 10_000; round++)
      accepted += Number(imports(damaged(small, random, { tokens })));
    // Most damage must matter, and some must not, or the test tests nothing.
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(8000);
  });

  it('refuses a truncated real network', () => {
    const bytes = readFileSync(
      new URL('../../../test-models/resnet20-cifar10.onnx', import.meta.url),
    );
    const random = createRandom(4);
    for (let round = 0; round < 25; round++)
      expect(imports(bytes.subarray(0, random.below(bytes.length)))).toBe(false);
  });
});
