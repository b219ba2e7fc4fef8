/**
 * Seeded damage to bytes and texts, for tests and the fuzzer of what reads files. Not part of the package's main
 * entry: nothing that users run needs it.
 */
import type { Random } from './random.ts';

const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)] as T;

/** Bytes that formats give a meaning to: ends of ranges, signs, text delimiters. */
const telling = [0, 1, 2, 8, 10, 34, 39, 40, 41, 44, 45, 0x7f, 0x80, 0xfe, 0xff];

/** Lengths and sizes that overflow something, little endian and as protobuf's varints. */
const lengths = [
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0x80],
  [0, 0, 0, 0, 0, 1, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
].map((list) => Uint8Array.from(list));

/** Other material to damage bytes with. */
export interface Material {
  /** Files to take pieces from. */
  readonly others?: readonly Uint8Array[];
  /** Pieces that the format knows. */
  readonly tokens?: readonly Uint8Array[];
}

type Damage = (bytes: Uint8Array, random: Random, material: Material) => Uint8Array;

function replaced(bytes: Uint8Array, at: number, remove: number, piece: Uint8Array): Uint8Array {
  const out = new Uint8Array(at + piece.length + Math.max(bytes.length - at - remove, 0));
  out.set(bytes.subarray(0, at));
  out.set(piece, at);
  out.set(bytes.subarray(Math.min(at + remove, bytes.length)), at + piece.length);
  return out;
}

const changed = (change: (byte: number, random: Random) => number): Damage =>
  function (bytes, random) {
    const out = Uint8Array.from(bytes);
    const at = random.below(out.length);
    out[at] = change(out[at] ?? 0, random);
    return out;
  };

/** A random stretch of bytes, mostly short. */
function stretch(bytes: Uint8Array, random: Random): Uint8Array {
  const from = random.below(bytes.length + 1);
  const length = random.below(random.below(4) ? 16 : bytes.length + 1);
  return bytes.subarray(from, from + length);
}

const damages: readonly Damage[] = [
  changed((byte, random) => byte ^ (1 << random.below(8))),
  changed((_, random) => random.below(256)),
  changed((_, random) => pick(random, telling)),
  changed((byte, random) => byte + pick(random, [-1, 1])),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) =>
    replaced(bytes, random.below(bytes.length + 1), 1 + random.below(8), new Uint8Array(0)),
  (bytes, random) => replaced(bytes, random.below(bytes.length + 1), 0, stretch(bytes, random)),
  (bytes, random) => {
    const piece = pick(random, lengths);
    return replaced(bytes, random.below(bytes.length + 1), piece.length, piece);
  },
  (bytes, random) => replaced(bytes, random.below(bytes.length + 1), 1, pick(random, lengths)),
  (bytes, random, { others = [] }) => {
    const other = others.length ? pick(random, others) : bytes;
    const piece = stretch(other, random);
    return replaced(bytes, random.below(bytes.length + 1), random.below(2) * piece.length, piece);
  },
  (bytes, random, { tokens = [] }) => {
    const piece = tokens.length ? pick(random, tokens) : Uint8Array.of(pick(random, telling));
    return replaced(bytes, random.below(bytes.length + 1), random.below(2) * piece.length, piece);
  },
];

/**
 * The bytes with one to four damages: changed, cut, repeated, or overwritten by lengths, tokens and pieces of others.
 * The same random stream gives the same damage.
 */
export function damaged(
  bytes: Uint8Array,
  random: Random,
  material: Material = {},
): Uint8Array<ArrayBuffer> {
  let out = bytes;
  for (let left = 1 + random.below(4); left > 0; left--)
    out = pick(random, damages)(out, random, material);
  return Uint8Array.from(out);
}

/** A text with the damage of `damaged` done to its UTF-8 bytes; what is no UTF-8 afterwards is replaced. */
export function damagedText(
  text: string,
  random: Random,
  tokens: readonly string[] = [],
  others: readonly string[] = [],
): string {
  const encode = (one: string): Uint8Array => new TextEncoder().encode(one);
  const material = { tokens: tokens.map(encode), others: others.map(encode) };
  return new TextDecoder().decode(damaged(encode(text), random, material));
}
