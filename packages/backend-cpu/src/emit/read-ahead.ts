/**
 * Brings data into the cache before it is needed, by plain loads (WebAssembly has no prefetch). A core waits for data
 * from beyond its second-level cache much longer than it can look ahead; so while one piece of weights is in use, the
 * next is touched bit by bit, in all of its pages at once: the prefetchers of the machine, which work within pages,
 * then run ahead of us in each of them.
 */
import type { Emitter, Pointer } from '../kernel.ts';

const lineBytes = 64;
const pageBytes = 4096;

export class ReadAhead {
  private readonly f: Emitter;
  private readonly bytes: number;
  private readonly at: Pointer;

  /** @param bytes of a piece; pieces follow one another. */
  constructor(f: Emitter, bytes: number) {
    this.f = f;
    this.bytes = bytes;
    this.at = f.local('i32');
  }

  /** The piece at `current` is in use now. */
  start(current: Pointer): void {
    this.f.get(current).i32(this.bytes).op('i32.add').set(this.at);
  }

  /** Touches a part of the next piece; after `parts` calls all of it has been touched. */
  touch(parts: number): void {
    const { f, at, bytes } = this;
    const pages = Math.ceil(bytes / pageBytes);
    const lines = Math.ceil(Math.min(bytes, pageBytes) / lineBytes / parts);
    for (let page = 0; page < pages; page++)
      for (let line = 0; line < lines; line++)
        f.get(at)
          .mem('i32.load', page * pageBytes + line * lineBytes)
          .op('drop');
    f.increment(at, lines * lineBytes);
  }
}
