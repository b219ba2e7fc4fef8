/** What a process pays for memory that is new to it: a large part of the time to load a network, on some machines. */
import { readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { median } from '@decouple/backend';
import type { MemoryRecord } from './records.ts';

/** Writes to each page of 256 MB, twice. */
const script = `
const heap = new Uint8Array(new WebAssembly.Memory({ initial: 4096, maximum: 4096 }).buffer);
const touch = () => {
  const start = performance.now();
  for (let at = 0; at < heap.length; at += 4096) heap[at] = 1;
  return (performance.now() - start) / (heap.length / 1e6);
};
console.log(JSON.stringify([touch(), touch()]));`;

/** What Linux says about memory in pages of 2 MB, which cost a process a few hundred times fewer faults. */
function hugePages(): string {
  try {
    const text = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8');
    return /\[(\w+)\]/.exec(text)?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

export async function memoryCosts(): Promise<MemoryRecord> {
  const times: [number, number][] = [];
  for (let round = 0; round < 3; round++) {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
    times.push(JSON.parse(stdout) as [number, number]);
  }
  return {
    freshMsPerMB: median(times.map(([fresh]) => fresh)),
    knownMsPerMB: median(times.map(([, known]) => known)),
    hugePages: hugePages(),
  };
}
