/** One job at a time: what it does, how far it is, how it ended. */
import { useCallback, useState } from 'preact/hooks';
import type { Job } from './parts/run.tsx';
import type { CallOptions } from './worker/rpc.ts';

export interface Jobs {
  readonly job: Job | undefined;
  /** Why the last job failed. */
  readonly failure: string | undefined;
  /** Runs a job; `false` when it failed or was cancelled. */
  readonly run: (what: string, work: (options: CallOptions) => Promise<void>) => Promise<boolean>;
}

export function useJobs(): Jobs {
  const [job, setJob] = useState<Job>();
  const [failure, setFailure] = useState<string>();
  const run = useCallback<Jobs['run']>(async (what, work) => {
    const controller = new AbortController();
    const cancel = (): void => {
      setJob({ what: `${what}: cancelling` });
      controller.abort();
    };
    setFailure(undefined);
    setJob({ what, cancel });
    try {
      await work({
        signal: controller.signal,
        onProgress: (progress) => {
          if (!controller.signal.aborted) setJob({ what, progress, cancel });
        },
      });
      return true;
    } catch (error) {
      if (!controller.signal.aborted) setFailure((error as Error).message);
      return false;
    } finally {
      setJob(undefined);
    }
  }, []);
  return { job, failure, run };
}
