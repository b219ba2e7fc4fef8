/** How each op runs on this backend, as data for generated documentation. */
import type { OpKind } from '@decouple/ir';
import type { KernelEntry } from './kernel.ts';
import { kernels } from './kernels/index.ts';

export interface KernelDescription {
  readonly op: OpKind;
  /** Generated code, the reference interpreter, or not at all. */
  readonly support: 'kernel' | 'delegated' | 'unsupported';
  /** Why there is no kernel. */
  readonly reason?: string;
}

function describe(op: OpKind, entry: KernelEntry<OpKind>): KernelDescription {
  if ('unsupported' in entry) return { op, support: 'unsupported', reason: entry.unsupported };
  if ('delegate' in entry) return { op, support: 'delegated', reason: entry.delegate };
  return { op, support: 'kernel' };
}

/** The table of kernels, in the order of ops. */
export const describeKernels = (): KernelDescription[] =>
  Object.entries(kernels).map(([op, entry]) =>
    describe(op as OpKind, entry as KernelEntry<OpKind>),
  );
