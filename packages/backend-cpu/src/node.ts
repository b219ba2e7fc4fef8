/** Settings of Node's engine that make generated code faster. For Node only. */
import v8 from 'node:v8';
import { detectFeatures } from '@decouple/wasm';

/**
 * Prepares the engine; call it once, before the first network is compiled. Node 20 hides relaxed SIMD (fused
 * multiply-add) behind a flag that newer versions no longer have, so it is set only where the probe fails. Functions
 * are compiled by the optimising compiler at once: without that the first run of each is about three times slower.
 * @returns whether fused multiply-add can be used.
 */
export function prepareNode(): { readonly relaxedSimd: boolean } {
  v8.setFlagsFromString('--no-liftoff');
  if (!detectFeatures().relaxedSimd) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return { relaxedSimd: detectFeatures().relaxedSimd };
}
