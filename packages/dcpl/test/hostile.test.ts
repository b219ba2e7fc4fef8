/** Files that are broken or made to do harm: each is refused, or read as a graph that is sound; never anything else. */
import { graphBuilder, typeOfTensor, verify, type Graph, type Node } from '@decouple/ir';
import { createRandom, float32, ModelError, tensor } from '@decouple/tensor';
import { damaged } from '@decouple/tensor/mutations';
import { describe, expect, it } from 'vitest';
import { decodeDcpl, encodeDcpl } from '../src/index.ts';

/** A small file, so that each byte of it matters. */
function smallFile(): Uint8Array<ArrayBuffer> {
  const b = graphBuilder('n');
  const x = b.input('x', ['N', 2]);
  const w = b.constant('w', float32([2], [1, 2]));
  return encodeDcpl(b.build([b.node('add', [b.node('relu', [x], {}, 'r'), w], {}, 'y')]));
}

/** Whether bytes read; anything thrown must be a ModelError with the file's name. */
function reads(bytes: Uint8Array): boolean {
  try {
    const graph = decodeDcpl(bytes, 'bad.dcpl');
    expect(verify(graph)).toEqual([]);
    for (const [name, value] of graph.constants)
      expect(typeOfTensor(value).shape, name).toEqual(value.shape);
    return true;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    expect(error.message).toMatch(/^bad\.dcpl: /);
    return false;
  }
}

describe('hostile bytes', () => {
  const small = smallFile();

  it('are refused at every truncation', () => {
    for (let length = 0; length < small.length; length++)
      expect(reads(small.slice(0, length)), `${length} of ${small.length}`).toBe(false);
    expect(reads(small)).toBe(true);
  });

  it('survive any changed byte', () => {
    for (let at = 0; at < small.length; at++)
      for (const change of [1, 4, 0x10, 0x80, 0xff]) {
        const damaged = Uint8Array.from(small);
        damaged[at] = (damaged[at] as number) ^ change;
        reads(damaged);
      }
  });

  it('survive random words', () => {
    const random = createRandom(5);
    for (let round = 0; round < 3000; round++) {
      const damaged = Uint8Array.from(small);
      const view = new DataView(damaged.buffer);
      for (let count = 0; count < 2; count++)
        view.setUint32(4 * random.below(small.length >> 2), random.below(2 ** 32), true);
      reads(damaged);
    }
  });

  it('survive ten thousand seeded damages', () => {
    const random = createRandom(11);
    const tokens = ['x', 'relu', 'float32[', 'constructor', '__proto__', ''].map((text) =>
      new TextEncoder().encode(text),
    );
    let accepted = 0;
    for (let round = 0; round < 10_000; round++)
      accepted += Number(reads(damaged(small, random, { tokens })));
    // Most damage must matter, and some must not, or the test tests nothing.
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(8000);
  });

  it('are refused at every hundredth of a large file', () => {
    const b = graphBuilder('large');
    const weight = b.constant('w', float32([64, 64, 5, 5], new Float32Array(102_400)));
    const large = encodeDcpl(b.build([b.node('conv2d', [b.input('x', ['N', 64, 8, 8]), weight])]));
    for (let percent = 0; percent < 100; percent++)
      expect(reads(large.subarray(0, Math.floor((percent * large.length) / 100)))).toBe(false);
    expect(reads(large)).toBe(true);
  });

  it('name the place', () => {
    const changed = (
      change: (view: DataView, at: (text: string) => number) => void,
    ): Uint8Array => {
      const bytes = Uint8Array.from(small);
      const at = (text: string): number => Buffer.from(bytes).indexOf(text);
      change(new DataView(bytes.buffer), at);
      return bytes;
    };
    const type = changed((view, at) => view.setUint8(at('float32[2]') + 8, '3'.charCodeAt(0)));
    expect(() => decodeDcpl(type)).toThrow(/constant 'w': float32\[3\] has not 8 bytes/);
    const op = changed((view, at) => view.setUint8(at('relu'), 'q'.charCodeAt(0)));
    expect(() => decodeDcpl(op)).toThrow(/node 'r': unknown op 'qelu'/);
    const string = changed((view, at) => view.setUint32(at('relu') - 4, 1 << 20, true));
    expect(() => decodeDcpl(string)).toThrow(/model\.nodes\[0\]\.op: an offset leads to/);
    const word = changed((view, at) => view.setUint8(at('relu'), 0xff));
    expect(() => decodeDcpl(word)).toThrow(/model\.nodes\[0\]\.op: is not UTF-8/);
  });

  it('can not send the reader to one place again and again', () => {
    // A vector of 10,000 offsets to one long text.
    const b = graphBuilder('n');
    const name = 'v'.repeat(10_000);
    const graph = b.build([b.node('relu', [b.input('x', [1])], {}, name)]);
    const bytes = encodeDcpl({
      ...graph,
      outputs: [name, ...Array.from({ length: 2000 }, (_, index) => `o${index}`)],
    });
    const view = new DataView(bytes.buffer);
    const long = Buffer.from(bytes).indexOf(name) - 4;
    // The outputs are the vector of 2001 offsets.
    let at = 0;
    while (view.getUint32(at, true) !== 2001) at += 4;
    for (let index = 0; index < 2001; index++) {
      const slot = at + 4 + 4 * index;
      if (long > slot) view.setUint32(slot, long - slot, true);
    }
    expect(() => decodeDcpl(bytes)).toThrow(/overlap/);
  });

  it('of another version are refused', () => {
    const bytes = Uint8Array.from(small);
    const view = new DataView(bytes.buffer);
    const root = view.getUint32(0, true);
    const layout = root - view.getInt32(root, true);
    view.setUint32(root + view.getUint16(layout + 4, true), 2, true);
    expect(() => decodeDcpl(bytes)).toThrow(/version 2 of the format, this build reads 1/);
  });
});

/** `y = add(add(x, first), second)`, its weights at bytes 0 and 4032 of the data. */
function twoConstants(): Graph {
  const b = graphBuilder('n');
  const first = b.constant('first0', float32([1000], new Float32Array(1000)));
  const second = b.constant('second', float32([1000], new Float32Array(1000)));
  const sum = b.node('add', [b.input('x', [1000]), first], {}, 'node_a');
  return b.build([b.node('add', [sum, second], {}, 'node_b')]);
}

/** The file with a text replaced wherever it stands by one of the same length. */
function withText(bytes: Uint8Array, text: string, other: string): Uint8Array {
  const out = Buffer.from(bytes);
  for (let at = out.indexOf(text); at >= 0; at = out.indexOf(text, at + 1)) out.write(other, at);
  return Uint8Array.from(out);
}

/** The file with a 64-bit size replaced. */
function withSize(bytes: Uint8Array, size: number, other: bigint): Uint8Array {
  const out = Uint8Array.from(bytes);
  const view = new DataView(out.buffer);
  let at = 0;
  while (view.getBigUint64(at, true) !== BigInt(size)) at += 4;
  view.setBigUint64(at, other, true);
  return out;
}

/** The file of a graph that no builder would make. */
const fileOf = (parts: Partial<Graph>): Uint8Array => encodeDcpl({ ...twoConstants(), ...parts });
const relu = (name: string, input: string): Node => ({
  name,
  op: 'relu',
  inputs: [input],
  outputs: [name],
  attrs: {},
  origin: name,
});
const claiming = (shape: readonly number[]): Uint8Array =>
  fileOf({
    constants: new Map([['first0', { ...tensor('float32', [1], new Float32Array(1)), shape }]]),
  });

const two = encodeDcpl(twoConstants());
const offset = 4032;
const opaque = (payload: string): Node =>
  ({
    ...relu('node_b', 'x'),
    op: 'opaque',
    attrs: { domain: 'd', opset: 1, opType: 'T', payload, outputTypes: [null] },
  }) as unknown as Node;

describe('files that make no sense', () => {
  it.each<[string, () => Uint8Array, RegExp]>([
    ['2^40 elements', () => claiming([2 ** 20, 2 ** 20]), /'first0': .* has not 4 bytes/],
    ['2^80 elements', () => claiming([2 ** 40, 2 ** 40]), /constant 'first0'/],
    ['2^42 bytes of a constant', () => withSize(two, 4000, 2n ** 42n), /has not \d+ bytes/],
    ['2^63 bytes of data', () => withSize(two, 2 * offset, 2n ** 63n), /truncated\?/],
    ['an offset past the end', () => withSize(two, offset, 2n ** 40n), /'second': bytes 1099511/],
    ['an offset of 2^64', () => withSize(two, offset, 2n ** 64n - 64n), /'second': bytes/],
    ['an offset beside the grid', () => withSize(two, offset, 4030n), /multiple of 64/],
    ['constants that overlap', () => withSize(two, offset, 64n), /'second': .*overlap/],
    ['two constants of one name', () => withText(two, 'second', 'first0'), /'first0'.* twice/],
    ['two nodes of one name', () => withText(two, 'node_b', 'node_a'), /node_a/],
    [
      'two inputs of one name',
      () => fileOf({ inputs: Array(2).fill(twoConstants().inputs[0]) as never }),
      /'?x'?/,
    ],
    [
      'a cycle',
      () => fileOf({ nodes: [relu('node_a', 'node_b'), relu('node_b', 'node_a')] }),
      /node_b/,
    ],
    ['a node that reads itself', () => fileOf({ nodes: [relu('node_b', 'node_b')] }), /node_b/],
    ['an input that nothing defines', () => fileOf({ nodes: [relu('node_b', 'gone')] }), /gone/],
    ['an output that nothing makes', () => fileOf({ outputs: ['gone'] }), /gone/],
    [
      'attributes nested too deeply',
      () =>
        withText(fileOf({ nodes: [opaque('A'.repeat(1e5))] }), 'A'.repeat(1e5), '['.repeat(1e5)),
      /node_b/,
    ],
    [
      'a dimension nested too deeply',
      () =>
        fileOf({ inputs: [{ name: 'x', type: { dtype: 'float32', shape: ['('.repeat(1e5)] } }] }),
      /input 'x'/,
    ],
  ])('%s', (_, make, message) => {
    const bytes = make();
    expect(reads(bytes)).toBe(false);
    expect(() => decodeDcpl(bytes)).toThrow(message);
  });

  it('an offset that leads to itself', () => {
    for (let at = 0; at + 4 <= two.length && at < 2048; at += 4) {
      const bytes = Uint8Array.from(two);
      new DataView(bytes.buffer).setUint32(at, 0, true);
      reads(bytes);
    }
  });
});
