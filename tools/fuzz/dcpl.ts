/** Damage to `.dcpl` files that knows where things are: offsets, sizes and lengths, and texts of the same length. */
import type { Random } from '@decouple/tensor';

const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)] as T;

type Change = (bytes: Uint8Array, random: Random) => void;

/** Places of words that may be offsets or lengths: small numbers at multiples of 4. */
function smallWords(bytes: Uint8Array, view: DataView): number[] {
  const places: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4)
    if (view.getUint32(at, true) > 0 && view.getUint32(at, true) < bytes.length) places.push(at);
  return places;
}

const word =
  (value: (old: number, place: number, bytes: number, random: Random) => number): Change =>
  (bytes, random) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const places = smallWords(bytes, view);
    if (!places.length) return;
    const place = pick(random, places);
    view.setUint32(place, value(view.getUint32(place, true), place, bytes.length, random), true);
  };

const changes: readonly Change[] = [
  word((old, _place, _bytes, random) => old + pick(random, [-64, -8, -4, -1, 1, 4, 8, 64])),
  word((_old, place, bytes, random) => random.below(Math.max(bytes - place, 1)) & ~3),
  word((_old, _place, _bytes, random) => pick(random, [0, 2 ** 30, 2 ** 31, 2 ** 32 - 1])),
  // The upper half of a 64-bit size.
  function wide(bytes, random) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = 8 * random.below(bytes.length >> 3);
    if (at + 8 <= bytes.length) view.setUint32(at + 4, pick(random, [1, 2 ** 8, 2 ** 31]), true);
  },
  // One digit or letter of a text: sizes, attributes, names.
  function text(bytes, random) {
    const found = [...bytes.keys()].filter((at) =>
      /[\da-zA-Z]/.test(String.fromCharCode(bytes[at] as number)),
    );
    if (found.length)
      bytes[pick(random, found)] = pick(random, [...'0129Nxw-,[]{}=']).charCodeAt(0);
  },
];

/** The file with one to three such changes. */
export function absurdFile(bytes: Uint8Array, random: Random): Uint8Array {
  const out = Uint8Array.from(bytes);
  for (let left = 1 + random.below(3); left > 0; left--) pick(random, changes)(out, random);
  return out;
}
