/**
 * Calls from the page to its worker: each has an answer or an error, may tell of progress and may be cancelled. The
 * worker goes on reading messages while it works, wherever a job lets others take a turn.
 */

/** How far a job is. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly what: string;
}

/** What a method of the worker gets besides its argument. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number, what: string) => void;
}

/** Methods by name. */
export type Methods = Readonly<Record<string, (argument: never, context: CallContext) => unknown>>;

type Request =
  | { readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly cancel: number };

type Response = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly error: { readonly name: string; readonly message: string } }
  | { readonly progress: Progress }
);

/** One end of a channel: a worker, or a worker's own scope. */
export interface Port {
  postMessage(message: unknown, options?: { transfer: Transferable[] }): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

/** Buffers that can be handed over instead of copied. */
const transferOf = (result: unknown): Transferable[] =>
  result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : [];

/** Answers calls that come in by `port`. */
export function serve(port: Port, methods: Methods): void {
  const running = new Map<number, AbortController>();
  const answer = async ({ id, method, argument }: Extract<Request, { id: number }>) => {
    const controller = new AbortController();
    running.set(id, controller);
    const reply = (response: Response, transfer: Transferable[] = []): void =>
      port.postMessage(response, { transfer });
    try {
      const result = await methods[method]?.(argument as never, {
        signal: controller.signal,
        progress: (done, total, what) => reply({ id, progress: { done, total, what } }),
      });
      reply({ id, result }, transferOf(result));
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const name = controller.signal.aborted ? 'AbortError' : error.name;
      reply({ id, error: { name, message: error.message } });
    } finally {
      running.delete(id);
    }
  };
  port.addEventListener('message', ({ data }: MessageEvent<Request>) => {
    if ('cancel' in data) running.get(data.cancel)?.abort();
    else void answer(data);
  });
}

export interface CallOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

type Argument<M> = M extends (argument: infer A, context: CallContext) => unknown ? A : never;
type Result<M> = M extends (...parameters: never[]) => infer R ? Awaited<R> : never;

/** Calls methods at the other end of a channel; errors keep name and message. */
export type Call<M extends Methods> = <K extends keyof M & string>(
  method: K,
  argument: Argument<M[K]>,
  options?: CallOptions,
) => Promise<Result<M[K]>>;

/** The page's side of a channel. */
export function connect<M extends Methods>(port: Port): Call<M> {
  const open = new Map<number, (response: Response) => void>();
  let last = 0;
  port.addEventListener('message', ({ data }: MessageEvent<Response>) => open.get(data.id)?.(data));
  return (method, argument, { onProgress, signal } = {}) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const cancel = (): void => port.postMessage({ cancel: id });
      const close = (): void => {
        open.delete(id);
        signal?.removeEventListener('abort', cancel);
      };
      open.set(id, (response) => {
        if ('progress' in response) return onProgress?.(response.progress);
        close();
        if ('result' in response) return resolve(response.result as never);
        const { name, message } = response.error;
        reject(Object.assign(new Error(message), { name }));
      });
      signal?.addEventListener('abort', cancel);
      port.postMessage({ id, method, argument });
    });
}
