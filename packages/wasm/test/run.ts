import { ModuleBuilder, webAssembly, type WasmMemory } from '@decouple/wasm';

type Exports = Record<string, (...args: number[]) => number>;

/** Compiles and instantiates; the memory is what the module exports as `memory`. */
export function run(module: ModuleBuilder, imports = {}) {
  const instance = new webAssembly.Instance(new webAssembly.Module(module.encode()), imports);
  return {
    exports: instance.exports as unknown as Exports,
    memory: instance.exports.memory as WasmMemory,
  };
}
