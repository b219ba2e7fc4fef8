import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '@decouple/wasm';

/** Reads one LEB128 integer of at most 64 bits. */
function decode(bytes: Uint8Array, signed: boolean): bigint {
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte & 0x80) continue;
    return signed && byte & 0x40 ? value - (1n << shift) : value;
  }
  throw new Error('unterminated');
}

function written(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter(1);
  write(out);
  return out.view();
}

describe('ByteWriter', () => {
  it('round-trips unsigned LEB128', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const bytes = written((out) => out.u32(value));
        expect(decode(bytes, false)).toBe(BigInt(value));
        expect(bytes.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
      }),
    );
  });

  it('round-trips signed LEB128', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
        expect(
          decode(
            written((out) => out.s32(value)),
            true,
          ),
        ).toBe(BigInt(value));
        expect(written((out) => out.s64(BigInt(value)))).toEqual(written((out) => out.s32(value)));
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(
          decode(
            written((out) => out.s64(value)),
            true,
          ),
        ).toBe(value);
      }),
    );
  });

  it('encodes the edges of the seven-bit groups', () => {
    const signed = (value: number) => [...written((out) => out.s32(value))];
    expect([signed(63), signed(64), signed(-64), signed(-65)]).toEqual([
      [0x3f],
      [0xc0, 0x00],
      [0x40],
      [0xbf, 0x7f],
    ]);
  });

  it('grows while keeping what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (parts) => {
        const bytes = written((out) => parts.forEach((part) => out.bytes(part)));
        expect([...bytes]).toEqual(parts.flatMap((part) => [...part]));
      }),
    );
  });

  it('writes floats and names', () => {
    expect([...written((out) => out.f32(1))]).toEqual([0, 0, 0x80, 0x3f]);
    expect([...written((out) => out.f64(-2))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0xc0]);
    expect([...written((out) => out.name('aé'))]).toEqual([3, 0x61, 0xc3, 0xa9]);
  });
});
