import { expect, it } from 'vitest';
import { nextTurn } from '../src/index.ts';

it('timers have their turn in a loop that never waits for anything else', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('stopped by a timer')), 1);
  const loop = async (): Promise<never> => {
    for (;;) await nextTurn(controller.signal);
  };
  await expect(loop()).rejects.toThrow('stopped by a timer');
});
