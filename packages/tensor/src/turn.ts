/**
 * Lets timers and signals have their turn in a long computation, whose promises alone never yield to them.
 * @throws the signal's reason when it is aborted.
 */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  signal?.throwIfAborted();
}
