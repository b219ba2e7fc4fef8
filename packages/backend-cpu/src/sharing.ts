/**
 * Splits a program's calls among threads, in WebAssembly itself. Every thread goes through all calls in order; of each
 * it takes parts until none are left, then waits until all parts are done. Two counters a call, which only grow:
 *
 *   taken   parts taken, over all runs        done   parts finished, over all runs
 *
 * In run r (from 1) parts (r - 1)·n … r·n - 1 are up for taking, and the call is over when done = r·n. A thread that
 * comes late, even one still busy with an earlier run, finds nothing to take and nothing to wait for: no run depends
 * on a thread that has not taken anything. Waiting spins first: the next part is mostly a few microseconds away.
 */
import type { Callable, Label } from '@decouple/wasm';
import type { PlanContext } from './context.ts';
import type { Emitter, Pointer } from './kernel.ts';
import type { PlacedCall, Step } from './plan.ts';

/** Bytes of the counters of one call: a cache line. */
const counterBytes = 64;
const [taken, done, stop] = [0, 4, 4];

/** More parts than threads: one that is interrupted does not hold up the others for long. */
const partsPerThread = 4;
/** Rounds of waiting awake before a thread sleeps; about 20 µs. */
const spins = 20_000;

/** Words of counters that a program of so many calls needs: the run's number comes first. */
export const counterWords = (calls: number): number => (counterBytes / 4) * (calls + 1);

/** Where a call's count of finished parts lies. */
const doneCounter = (base: number, call: number): number => base + counterBytes * (call + 1) + done;

/** Waits until the counter at `address` has reached the number in `target`. */
function emitWait(f: Emitter, address: number, target: Pointer, maySleep: Pointer): void {
  const [value, left] = f.locals('i32', 2) as [Pointer, Pointer];
  f.i32(spins).set(left);
  f.block((over) =>
    f.loop((again) => {
      f.i32(address).atomic('i32.atomic.load').tee(value).get(target);
      f.op('i32.sub').i32(0).op('i32.ge_s').brIf(over);
      f.get(left).i32(1).op('i32.sub').tee(left).i32(0).op('i32.gt_s').brIf(again);
      f.get(maySleep).op('i32.eqz').brIf(again);
      f.i32(address).get(value).i64(-1).atomic('memory.atomic.wait32').op('drop').br(again);
    }),
  );
}

/** `call(run, maySleep)`: takes parts of one call, then waits for the others' parts. */
function emitCall(
  f: Emitter,
  kernel: Callable,
  { args, range }: PlacedCall,
  counters: number,
  threads: number,
): void {
  const [run, maySleep] = f.args as readonly Pointer[] as [Pointer, Pointer];
  const [first, end] = range ?? [0, 1];
  const parts = Math.max(1, range ? Math.min(end - first, threads * partsPerThread) : 1);
  const [target, part] = f.locals('i32', 2) as [Pointer, Pointer];
  const bound = (offset: number): void => {
    f.get(part)
      .i32(offset)
      .op('i32.add')
      .i32(end - first)
      .op('i32.mul');
    f.i32(parts).op('i32.div_u').i32(first).op('i32.add');
  };
  const take = (none: Label, again: Label): void => {
    f.i32(counters).atomic('i32.atomic.load', taken).tee(part).get(target);
    f.op('i32.sub').i32(0).op('i32.ge_s').brIf(none);
    f.i32(counters).get(part).get(part).i32(1).op('i32.add');
    f.atomic('i32.atomic.rmw.cmpxchg', taken).get(part).op('i32.ne').brIf(again);
    f.get(part).get(target).op('i32.sub').i32(parts).op('i32.add').set(part);
  };
  f.get(run).i32(parts).op('i32.mul').set(target);
  f.block((none) =>
    f.loop((again) => {
      take(none, again);
      for (const arg of args) f.i32(arg);
      if (range) {
        bound(0);
        bound(1);
      }
      f.call(kernel);
      f.i32(counters).i32(1).atomic('i32.atomic.rmw.add', done).i32(1).op('i32.add').get(target);
      f.op('i32.eq').if(() => {
        f.i32(counters + done)
          .i32(-1)
          .atomic('memory.atomic.notify')
          .op('drop');
      });
      f.br(again);
    }),
  );
  emitWait(f, counters + done, target, maySleep);
}

/** `serve()`: what a worker runs. Joins each run as it starts; returns when it is told to stop. */
function emitServe(f: Emitter, base: number, steps: readonly (Callable | number)[]): void {
  const [run, maySleep, next] = f.locals('i32', 3) as [Pointer, Pointer, Pointer];
  f.i32(1).set(maySleep);
  f.block((over) =>
    f.loop((again) => {
      f.get(run).i32(1).op('i32.add').set(next);
      emitWait(f, base, next, maySleep);
      f.i32(base).atomic('i32.atomic.load', stop).brIf(over);
      f.i32(base).atomic('i32.atomic.load').set(run);
      for (const step of steps)
        if (typeof step === 'number') emitWait(f, step, run, maySleep);
        else f.get(run).get(maySleep).call(step);
      f.br(again);
    }),
  );
}

/** Where things lie in the memory of a program for several threads. */
export interface Sharing {
  readonly threads: number;
  /** The number of the current run, and 4 bytes on whether workers must stop. */
  readonly base: number;
  /** Counters of finished delegated steps, by step. */
  readonly delegated: ReadonlyMap<number, number>;
}

/** Replaces the calls of all steps by ones that threads share, which take the run's number and `maySleep`. */
export function shareWork(
  context: PlanContext,
  steps: readonly Step[],
  base: number,
  threads: number,
): { steps: Step[]; sharing: Sharing } {
  const served: (Callable | number)[] = [];
  const delegated = new Map<number, number>();
  const shared = steps.map((step, index): Step => {
    if (step.kind === 'delegated') {
      const counter = doneCounter(base, served.length);
      delegated.set(index, counter);
      served.push(counter);
      return step;
    }
    const calls = step.calls.map((call): PlacedCall => {
      const counters = doneCounter(base, served.length) - done;
      const f = context.exported(`call_${served.length}`, 2);
      emitCall(f, context.emitted(call.function), call, counters, threads);
      served.push(f);
      return { function: f.name, args: [] };
    });
    return { ...step, calls };
  });
  emitServe(context.exported('serve', 0), base, served);
  return { steps: shared, sharing: { threads, base, delegated } };
}
