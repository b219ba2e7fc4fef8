import { MessageChannel } from 'node:worker_threads';
import { OptionError } from 'decouple';
import { afterAll, describe, expect, it } from 'vitest';
import { connect, serve, type CallContext, type Port } from '../src/worker/rpc.ts';

const methods = {
  double: (value: number) => 2 * value,
  fail(what: string): never {
    throw new OptionError(`no ${what}`);
  },
  bytes: () => Uint8Array.of(1, 2, 3),
  async wait(steps: number, { signal, progress }: CallContext): Promise<string> {
    for (let step = 0; step < steps; step++) {
      progress(step, steps, `step ${step}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      signal.throwIfAborted();
    }
    return 'done';
  },
};

const { port1, port2 } = new MessageChannel();
/** Node's ports take what to transfer as a list. */
const portOf = (port: typeof port1): Port => ({
  postMessage: (message, options) => port.postMessage(message, (options?.transfer ?? []) as never),
  addEventListener: (_, listener) =>
    void port.on('message', (data: unknown) => listener({ data } as MessageEvent)),
});
serve(portOf(port2), methods);
const call = connect<typeof methods>(portOf(port1));
afterAll(() => port1.close());

describe('calls', () => {
  it('bring answers, each to its own question', async () => {
    expect(await Promise.all([call('double', 2), call('double', 21)])).toEqual([4, 42]);
    expect(await call('bytes', undefined as never)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('bring errors with name and message', async () => {
    const error = await call('fail', 'such pass').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'OptionError', message: 'no such pass' });
  });

  it('tell of progress in order', async () => {
    const seen: string[] = [];
    expect(await call('wait', 3, { onProgress: ({ what }) => seen.push(what) })).toBe('done');
    expect(seen).toEqual(['step 0', 'step 1', 'step 2']);
  });

  it('can be cancelled while others go on', async () => {
    const controller = new AbortController();
    const long = call('wait', 1e6, {
      signal: controller.signal,
      onProgress: ({ done }) => done === 2 && controller.abort(),
    });
    const other = call('wait', 5);
    await expect(long).rejects.toMatchObject({ name: 'AbortError' });
    expect(await other).toBe('done');
  });
});
