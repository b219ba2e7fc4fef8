/** Base64 (RFC 4648, padded) of bytes; neither Node nor browsers offer one that is fast, strict and everywhere. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const codes = new TextEncoder().encode(alphabet);
const padding = '='.charCodeAt(0);

export function encodeBase64(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(padding);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const rest = bytes.length - from;
    const group =
      ((bytes[from] as number) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    for (let place = 0; place <= Math.min(rest, 3); place++)
      out[to + place] = codes[(group >> (18 - 6 * place)) & 63] as number;
  }
  return new TextDecoder().decode(out);
}

/** The bytes, or `undefined` when the text is not base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padded = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padded;
  const out = new Uint8Array((text.length / 4) * 3 - padded);
  const valueOf = new Int8Array(128).fill(-1);
  codes.forEach((code, value) => (valueOf[code] = value));
  for (let from = 0, to = 0, group = 0; from < digits; from++) {
    const value = valueOf[text.charCodeAt(from)] ?? -1;
    if (value < 0) return undefined;
    group = ((group << 6) | value) & 0xffffff;
    const held = from % 4;
    // After digit 1, 2 and 3 of a group another byte is complete.
    if (held > 0) out[to++] = (group >> (6 - 2 * held)) & 255;
  }
  return out;
}
