/** What this machine takes for the units of work of the `cpu` backend. */
import { probeCode, probeRates, probeVersion, type ProbeOptions } from '@decouple/backend-cpu';
import { prepareNode } from '@decouple/backend-cpu/node';
import type { Rates } from '@decouple/cost-model';
import { keepRates, knownRates, machineKey } from '@decouple/cost-model/node';

function machine(): { readonly fma: boolean; readonly key: string } {
  const fma = prepareNode().relaxedSimd;
  return { fma, key: machineKey(probeCode(fma), probeVersion) };
}

/**
 * Rates of this machine that were measured before, for this processor, engine and version of the generated code.
 * Reading them is cheap; nothing is measured.
 */
export const rememberedRates = (): Rates | undefined => knownRates(machine().key);

/**
 * Rates of this machine. The first call ever measures them, which takes some seconds and is best done without other
 * load; they are kept in the user's cache directory.
 */
export async function machineRates(
  options: Pick<ProbeOptions, 'signal' | 'onProgress'> & { readonly fresh?: boolean } = {},
): Promise<Rates> {
  const { fma, key } = machine();
  const known = options.fresh ? undefined : knownRates(key);
  if (known) return known;
  const rates = await probeRates({ fma, ...options });
  keepRates(key, rates);
  return rates;
}
