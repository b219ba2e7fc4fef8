/**
 * The engine's WebAssembly interface, as far as we use it. It is typed here because TypeScript
 * declares it only in the `dom` library, whose other globals browser-safe code should not see.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 KiB, detaching `buffer` unless shared; returns the old size in pages. */
  grow(pages: number): number;
}

/** A compiled module; may be posted to workers. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

export type WasmImports = Record<string, Record<string, unknown>>;

export interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  instantiate(module: WasmModule, imports?: WasmImports): Promise<WasmInstance>;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports?: WasmImports) => WasmInstance;
  readonly Memory: new (limits: {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }) => WasmMemory;
}

/** The engine's own `WebAssembly` object. */
export const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

interface Timers {
  readonly setInterval: (act: () => void, ms: number) => unknown;
  readonly clearInterval: (timer: unknown) => void;
}

/**
 * Waits for compilers. Node ends when nothing is left to do, and since version 24 the work of compilers doesn't count:
 * a timer does.
 */
export async function awaitCompiled<T>(compiled: Promise<T>): Promise<T> {
  const { setInterval, clearInterval } = globalThis as unknown as Timers;
  const timer = setInterval(() => undefined, 1000);
  try {
    return await compiled;
  } finally {
    clearInterval(timer);
  }
}
