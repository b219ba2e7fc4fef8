/**
 * Loads and runs a network that was compiled ahead of time, without anything else of this project: in Node and in
 * browsers. This module is bundled into the text of `loader-source.ts` (`npm run loader`), which is written next to
 * each compiled network.
 *
 * The `.wasm` file holds, besides its code, custom sections: `decouple` (a {@link Manifest} as JSON), `weights`
 * (the constants of the network as they are stored), `fma` (another code section, with fused multiply-add, for
 * engines that have it) and, where it is needed, `winograd` (a module that transforms filters).
 */
import { awaitCompiled, webAssembly } from '@decouple/wasm';
import { startFilters, type WinogradFilters } from '../kernels/winograd-weights.ts';
import { pack } from '../packing.ts';
import { restore } from './storage.ts';
import type { Manifest, Port, StoredConstant } from './manifest.ts';
import { codeBody, customBody, splitSections, withCode, type Section } from './sections.ts';

/** A network that was loaded. */
export interface Model {
  /** Shapes by name, NCHW. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** Whether fused multiply-add is in use. */
  readonly fma: boolean;
  /** Runs once. Inputs and outputs are row-major; the results belong to the caller. */
  run(inputs: Readonly<Record<string, Float32Array>>): Record<string, Float32Array>;
}

/** A module that only engines with fused multiply-add accept. */
const relaxedProbe = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0],
  ...[65, 1, 253, 17, 65, 1, 253, 17, 65, 1, 253, 17, 253, 133, 2, 11],
);

// What browsers and Node have in common.
declare const URL: new (
  text: string,
  base?: string,
) => { readonly href: string; readonly protocol: string };
declare function fetch(
  url: string,
): Promise<{ ok: boolean; status: number; arrayBuffer(): Promise<ArrayBuffer> }>;

declare const process: { readonly versions?: { readonly node?: string } } | undefined;

/**
 * As `prepareNode` does it, while this module is compiled: Node's engine then optimises functions at once, not after
 * some slow runs, and Node 20 admits fused multiply-add.
 * @returns what sets Node's defaults again.
 */
async function prepareEngine(): Promise<() => void> {
  if (typeof process === 'undefined' || !process.versions?.node) return () => undefined;
  const module = 'node:v8';
  const { setFlagsFromString } = (await import(/* @vite-ignore */ module)) as {
    readonly setFlagsFromString: (flag: string) => void;
  };
  const set = (...flags: readonly string[]): void =>
    flags.forEach((flag) => setFlagsFromString(flag));
  set('--no-liftoff', '--no-wasm-lazy-compilation');
  if (!webAssembly.validate(relaxedProbe)) set('--experimental-wasm-relaxed-simd');
  return () => set('--liftoff', '--wasm-lazy-compilation');
}

async function read(source: string): Promise<Uint8Array> {
  if (!source.startsWith('file:')) {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`${source}: HTTP status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }
  // Named by a variable, so that bundlers for browsers leave it alone.
  const module = 'node:fs/promises';
  const { readFile } = (await import(/* @vite-ignore */ module)) as {
    readonly readFile: (path: unknown) => Promise<Uint8Array>;
  };
  return readFile(new URL(source));
}

/** Carries out all packings. */
function fillWeights(
  memory: ArrayBuffer,
  { blocks, constants }: Manifest,
  sections: readonly Section[],
): void {
  const stored = customBody(sections, 'weights');
  let started: WinogradFilters | undefined;
  const filters = (): WinogradFilters =>
    (started ??= startFilters(customBody(sections, 'winograd')));
  for (const { address, floats, constant, order } of blocks) {
    const source = restore(stored, constants[constant] as StoredConstant);
    pack(new Float32Array(memory, address, floats), { order, source }, filters);
  }
}

/** See executable.ts for both. */
const [systemPageBytes, smallArenaBytes] = [4096, 2 ** 21];

/** Spares the first run what later ones don't have to wait for: memory that is new, and code and caches that are cold. */
function prepareRuns(heap: Float32Array, { blocks }: Manifest, runOnce: () => void): void {
  const end = ({ address, floats }: Manifest['blocks'][number]): number => address + 4 * floats;
  const arena = blocks.reduce((last, block) => Math.max(last, end(block)), 0);
  for (let at = arena; at < heap.byteLength; at += systemPageBytes) heap[at / 4] = 0;
  if (heap.byteLength - arena <= smallArenaBytes) runOnce();
}

const shapesOf = (ports: readonly Port[]): Record<string, readonly number[]> =>
  Object.fromEntries(ports.map(({ name, shape }) => [name, shape]));

const sizeOf = ({ shape }: Port): number => shape.reduce((size, dim) => size * dim, 1);

function modelOf(
  heap: Float32Array,
  { inputs, outputs }: Manifest,
  runOnce: () => void,
  fma: boolean,
): Model {
  return {
    inputs: shapesOf(inputs),
    outputs: shapesOf(outputs),
    fma,
    run(given) {
      for (const port of inputs) {
        const value = given[port.name];
        if (value?.length !== sizeOf(port))
          throw new Error(
            `input '${port.name}' wants ${sizeOf(port)} numbers, got ${value?.length ?? 'none'}`,
          );
        heap.set(value, port.address / 4);
      }
      runOnce();
      return Object.fromEntries(
        outputs.map((port) => {
          const start = port.address / 4;
          return [port.name, heap.slice(start, start + sizeOf(port))];
        }),
      );
    },
  };
}

/** The module for this engine. */
function moduleFor(
  file: Uint8Array,
  sections: readonly Section[],
): { readonly code: Uint8Array; readonly fma: boolean } {
  const fma = webAssembly.validate(relaxedProbe);
  const body = fma ? customBody(sections, 'fma') : codeBody(sections);
  return { code: withCode(file, sections, body), fma };
}

/** Where a file is, or its bytes. */
type Source = string | Uint8Array | { readonly href: string };

/**
 * Loads a compiled network.
 * @param source where the `.wasm` file is, or its bytes. `NETWORK` becomes the name of each network's own.
 * @throws Error when it can't be read or is no such file.
 */
export async function load(
  source: Source = new URL('./NETWORK.wasm', import.meta.url),
): Promise<Model> {
  const given =
    source instanceof Uint8Array
      ? source
      : await read(typeof source === 'string' ? source : source.href);
  // Numbers in the file lie at multiples of 4 bytes.
  const file = given.byteOffset % 4 ? given.slice() : given;
  const sections = splitSections(file);
  const manifest = JSON.parse(
    new TextDecoder().decode(customBody(sections, 'decouple')),
  ) as Manifest;
  const memory = new webAssembly.Memory({ initial: manifest.pages, maximum: manifest.pages });
  const restoreEngine = await prepareEngine();
  try {
    const { code, fma } = moduleFor(file, sections);
    // Compiled by other threads while weights are packed.
    const compiled = webAssembly.compile(code);
    fillWeights(memory.buffer, manifest, sections);
    const module = await awaitCompiled(compiled);
    const { exports } = await awaitCompiled(webAssembly.instantiate(module, { env: { memory } }));
    const heap = new Float32Array(memory.buffer);
    const runOnce = exports['run'] as () => void;
    prepareRuns(heap, manifest, runOnce);
    return modelOf(heap, manifest, runOnce, fma);
  } finally {
    restoreEngine();
  }
}
