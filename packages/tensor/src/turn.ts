/** Milliseconds of work between turns: a turn itself takes one. */
const stretch = 30;
let last = -Infinity;

/**
 * Lets timers and signals have their turn in a long computation, whose promises alone never yield to them; often called,
 * it does so every 30 ms.
 * @throws the signal's reason when it is aborted.
 */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  if (performance.now() - last > stretch) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  }
  signal?.throwIfAborted();
}
