/**
 * Static memory planning: buffers with sizes and lifetimes get offsets in one arena such that buffers alive at
 * the same step never overlap. Greedy by size: the largest buffer first, each at the lowest aligned gap left by
 * the buffers placed already that live at the same time. For CNNs this comes within a few per cent of the lower
 * bound (the largest sum of sizes alive at one step) and it is deterministic: ties go to the lower index.
 */
import { InvariantError } from '@decouple/tensor';

export interface BufferRequest {
  readonly bytes: number;
  /** First and last step, both included, at which the buffer holds something. */
  readonly from: number;
  readonly to: number;
  /**
   * Index of a buffer whose space this one takes over: the kernel at step `from` reads that one for the last time
   * and may write over it as it goes. Ignored when an earlier request has taken it over.
   */
  readonly inPlaceOf?: number;
}

export interface MemoryPlan {
  /** Offset of each request in bytes. */
  readonly offsets: readonly number[];
  readonly arenaBytes: number;
}

/** Buffers that share one place, seen as one. */
interface Block {
  bytes: number;
  from: number;
  to: number;
  offset: number;
}

function blocksOf(requests: readonly BufferRequest[]): Block[] {
  const takenOver = new Set<number>();
  const blocks: Block[] = [];
  requests.forEach(({ bytes, from, to, inPlaceOf }, index) => {
    if (!(bytes >= 0) || to < from)
      throw new InvariantError(
        `memory plan: buffer ${index} has ${bytes} bytes, steps ${from}-${to}`,
      );
    const source = inPlaceOf === undefined ? undefined : requests[inPlaceOf];
    const block = inPlaceOf === undefined ? undefined : blocks[inPlaceOf];
    if (inPlaceOf !== undefined && (!source || !block || source.to > from))
      throw new InvariantError(
        `memory plan: buffer ${index} starts at step ${from} in place of ${inPlaceOf}, which must come before it in the list and end by then`,
      );
    if (block && inPlaceOf !== undefined && !takenOver.has(inPlaceOf)) {
      takenOver.add(inPlaceOf);
      block.bytes = Math.max(block.bytes, bytes);
      block.to = Math.max(block.to, to);
      blocks.push(block);
    } else blocks.push({ bytes, from, to, offset: 0 });
  });
  return blocks;
}

/** The lowest aligned offset that is free of `others`, which are sorted by offset. */
function lowestGap(
  bytes: number,
  others: readonly Block[],
  align: (offset: number) => number,
): number {
  let offset = 0;
  for (const other of others) {
    if (offset + bytes <= other.offset) break;
    offset = Math.max(offset, align(other.offset + other.bytes));
  }
  return offset;
}

/**
 * @param alignment of every offset in bytes.
 * @throws InvariantError when a lifetime ends before it starts, or `inPlaceOf` points at a buffer still in use.
 */
export function planMemory(requests: readonly BufferRequest[], alignment = 64): MemoryPlan {
  const align = (offset: number): number => Math.ceil(offset / alignment) * alignment;
  const blocks = blocksOf(requests);
  const order = [...new Set(blocks)].sort((a, b) => b.bytes - a.bytes || a.from - b.from);
  const placed: Block[] = [];
  for (const block of order) {
    const alive = placed.filter((other) => other.from <= block.to && block.from <= other.to);
    block.offset = lowestGap(block.bytes, alive, align);
    const after = placed.findIndex((other) => other.offset > block.offset);
    placed.splice(after < 0 ? placed.length : after, 0, block);
  }
  return {
    offsets: blocks.map((block) => block.offset),
    arenaBytes: align(placed.reduce((end, block) => Math.max(end, block.offset + block.bytes), 0)),
  };
}
