/** The most that one core can do with 128-bit vectors: twelve independent chains of multiply-adds in registers. */
import { ModuleBuilder, webAssembly } from '@decouple/wasm';

const chains = 12;
const rounds = 200_000;

/** A function that runs one burst; each burst is `macsPerBurst` multiply-adds. */
export function peakBurst(fma: boolean): () => void {
  const module = new ModuleBuilder();
  const f = module.function('burst', { export: true, results: ['f32'] });
  const sums = f.locals('v128', chains);
  const [a, b] = f.locals('v128', 2);
  if (!a || !b) throw new Error('no locals');
  f.f32x4(0.999).set(a).f32x4(1e-3).set(b);
  f.forRange(f.local('i32'), 0, rounds, 1, () => {
    for (const sum of sums)
      if (fma) f.get(sum).get(a).get(b).op('f32x4.relaxed_madd').set(sum);
      else f.get(sum).get(a).op('f32x4.mul').get(b).op('f32x4.add').set(sum);
  });
  f.f32x4(0);
  for (const sum of sums) f.get(sum).op('f32x4.add');
  f.lane('f32x4.extract_lane', 0);
  const instance = new webAssembly.Instance(new webAssembly.Module(module.encode()));
  return instance.exports['burst'] as () => void;
}

export const macsPerBurst = 4 * chains * rounds;
