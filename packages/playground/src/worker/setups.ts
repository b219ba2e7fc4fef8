/** The backends that the page offers, and what the browser gives them. */
import { cpu, gpu, reference, type SpeedSetup } from 'decouple';

/** A backend by a name for the page. */
export interface SetupInfo {
  readonly id: string;
  readonly label: string;
  /** Whether it is measured unless the user says otherwise. */
  readonly usual: boolean;
}

/** What the browser gives. */
export interface Surroundings {
  /** Threads that the cpu backend may use. */
  readonly threads: number;
  /** Why there is only one; absent when there are several. */
  readonly alone?: string;
}

interface Setup extends SetupInfo {
  readonly setup: SpeedSetup;
}

/** More than this many threads don't help networks of the size that pages run. */
const mostThreads = 8;

export function surroundings(): Surroundings {
  const cores = Math.min(mostThreads, navigator.hardwareConcurrency || 1);
  if (!globalThis.crossOriginIsolated)
    return {
      threads: 1,
      alone:
        'the server does not send the headers for cross-origin isolation (COOP and COEP), so the browser gives no shared memory',
    };
  return cores > 1 ? { threads: cores } : { threads: 1, alone: 'the machine has one core' };
}

/** Backends are made once: what they compile is freed after each use. */
export function setupsHere({ threads }: Surroundings): Setup[] {
  const backend = cpu();
  const several: Setup = {
    id: 'cpu-threads',
    label: `cpu, ${threads} threads`,
    usual: true,
    setup: { backend, threads },
  };
  return [
    { id: 'cpu', label: 'cpu', usual: true, setup: { backend } },
    ...(threads > 1 ? [several] : []),
    { id: 'gpu', label: 'gpu (gpu.js)', usual: true, setup: { backend: gpu() } },
    {
      id: 'reference',
      label: 'reference interpreter (slow)',
      usual: false,
      setup: { backend: reference() },
    },
  ];
}
