import { webAssembly } from './engine.ts';
import { ModuleBuilder } from './module.ts';

export interface WasmFeatures {
  /** 128-bit vectors. */
  readonly simd: boolean;
  /** Relaxed vector instructions, above all fused multiply-add. */
  readonly relaxedSimd: boolean;
  /** Shared memories and atomics. The host may still refuse to hand out a SharedArrayBuffer. */
  readonly threads: boolean;
}

/** Asks the engine, by validating one small module a feature; costs well under a millisecond. */
export function detectFeatures(): WasmFeatures {
  return {
    simd: webAssembly.validate(simdProbe()),
    relaxedSimd: webAssembly.validate(relaxedProbe()),
    threads: webAssembly.validate(threadsProbe()),
  };
}

function simdProbe(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const probe = module.function('probe', { results: ['v128'] });
  probe.f32(1).op('f32x4.splat', 'f32x4.neg');
  return module.encode();
}

function relaxedProbe(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const probe = module.function('probe', { results: ['v128'] });
  probe.f32x4(1).f32x4(2).f32x4(3).op('f32x4.relaxed_madd');
  return module.encode();
}

function threadsProbe(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ memory: { pages: 1, maxPages: 1, shared: true } });
  const probe = module.function('probe', { results: ['i32'] });
  probe.i32(0).i32(1).atomic('i32.atomic.rmw.add');
  return module.encode();
}
