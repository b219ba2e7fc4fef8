/** Which parts of the project ran: V8's block coverage, through the inspector of the own process. */
import { Session } from 'node:inspector/promises';

export interface Coverage {
  /** Whether anything ran since the last call that had never run before. */
  grew(): Promise<boolean>;
}

export async function startCoverage(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const seen = new Set<string>();
  return {
    async grew() {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      const before = seen.size;
      for (const { url, functions } of result) {
        if (!url.includes('/packages/')) continue;
        for (const { ranges } of functions)
          for (const { startOffset, endOffset, count } of ranges)
            if (count) seen.add(`${url}:${startOffset}-${endOffset}`);
      }
      return seen.size > before;
    },
  };
}
