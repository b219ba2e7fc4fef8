/** The sections of a WebAssembly file: what a compiled network is put together from and taken apart into. */

const headerBytes = 8;
const custom = 0;
const code = 10;

export interface Section {
  readonly id: number;
  /** Of custom sections. */
  readonly name: string;
  /** Without the name. */
  readonly body: Uint8Array;
  /** The whole section with its header. */
  readonly whole: Uint8Array;
}

/** An unsigned LEB128 number and the place after it. */
function readNumber(bytes: Uint8Array, start: number): [value: number, next: number] {
  let [value, shift, at] = [0, 0, start];
  for (;;) {
    const byte = bytes[at++] as number;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
    shift += 7;
  }
}

export function splitSections(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = headerBytes; at < bytes.length;) {
    const id = bytes[at] as number;
    const [size, start] = readNumber(bytes, at + 1);
    const end = start + size;
    const [length, text] = id === custom ? readNumber(bytes, start) : [0, start];
    const name = new TextDecoder().decode(bytes.subarray(text, text + length));
    const body = bytes.subarray(text + length, end);
    sections.push({ id, name, body, whole: bytes.subarray(at, end) });
    at = end;
  }
  return sections;
}

/** The body of a custom section. */
export function customBody(sections: readonly Section[], name: string): Uint8Array {
  const found = sections.find((section) => section.id === custom && section.name === name);
  if (!found) throw new Error(`no section '${name}': not a network that decouple compiled`);
  return found.body;
}

/** The body of the code section. */
export const codeBody = (sections: readonly Section[]): Uint8Array =>
  sections.find(({ id }) => id === code)?.body ?? new Uint8Array();

/** A number in LEB128 of always five bytes, so that sizes are known before it is. */
const fixedNumber = (value: number): Uint8Array =>
  Uint8Array.from([0, 7, 14, 21, 28], (shift, index) =>
    index < 4 ? (Math.floor(value / 2 ** shift) & 127) | 128 : Math.floor(value / 2 ** 28),
  );

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const sectionHeader = (id: number, size: number): Uint8Array =>
  join([Uint8Array.of(id), fixedNumber(size)]);

/** A module of the given parts, with another code section and without custom ones. */
export const withCode = (
  header: Uint8Array,
  sections: readonly Section[],
  body: Uint8Array,
): Uint8Array<ArrayBuffer> =>
  join([
    header.subarray(0, headerBytes),
    ...sections
      .filter(({ id }) => id !== custom)
      .flatMap(({ id, whole }) =>
        id === code ? [sectionHeader(code, body.length), body] : [whole],
      ),
  ]);

/** Bytes before the body of a custom section of this name. */
export const customHeaderBytes = (name: string): number =>
  11 + new TextEncoder().encode(name).length;

/** A custom section, in pieces. */
export function customSection(name: string, body: readonly Uint8Array[]): Uint8Array[] {
  const text = new TextEncoder().encode(name);
  const size = body.reduce((sum, { length }) => sum + length, 5 + text.length);
  return [sectionHeader(custom, size), fixedNumber(text.length), text, ...body];
}
