/** Reads external data: each tensor's range of its file into memory of its own, never a whole file of weights. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { ModelError } from '@decouple/tensor';
import { readBytes } from '@decouple/tensor/node';
import { externalRange, externalTensors, type ExternalRange } from '../external.ts';
import type { Report } from '../import/problems.ts';
import { nodeNames } from '../import/state.ts';
import { storeData, type ModelProto, type TensorProto } from '../proto.ts';

/** Data files of one model. */
class DataFiles {
  private readonly folder: string;
  private readonly ranges = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Sizes of the files by path, and how much of all of them may still be read. */
  private readonly sizes = new Map<string, number>();
  private left = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws ModelError when there is no such file in the folder, links followed, or it ends before the range. */
  private async locate({ location, offset, length }: ExternalRange): Promise<string> {
    const found = await realpath(resolve(this.folder, location)).catch(() => undefined);
    if (found === undefined)
      throw new ModelError(`external data: file '${location}' is missing beside the model`);
    const inside = relative(await realpath(this.folder), found);
    if (inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside)
      throw new ModelError(`external data: '${location}' is a link out of the model's folder`);
    const stats = await stat(found);
    if (!stats.isFile()) throw new ModelError(`external data: '${location}' is not a file`);
    if (offset + length > stats.size)
      throw new ModelError(
        `external data: bytes ${offset} to ${offset + length} wanted, '${location}' has ${stats.size}`,
      );
    if (!this.sizes.has(found)) {
      this.sizes.set(found, stats.size);
      this.left += stats.size;
    }
    return found;
  }

  /** Tensors may share a range; ranges that overlap otherwise would let a small file fill the memory. */
  async read(range: ExternalRange): Promise<Uint8Array<ArrayBuffer>> {
    const path = await this.locate(range);
    const key = `${range.offset} ${range.length} ${path}`;
    const known = this.ranges.get(key);
    if (known) return known;
    this.left -= range.length;
    if (this.left < 0) throw new ModelError(`external data: ranges of '${range.location}' overlap`);
    const { offset, length } = range;
    const bytes = await readBytes(path, { offset, length });
    this.ranges.set(key, bytes);
    return bytes;
  }
}

async function load(proto: TensorProto, files: DataFiles): Promise<void> {
  const range = externalRange(proto);
  if (range) storeData(proto, await files.read(range));
}

/** Puts external data of a model at `path` into its tensors; reports those that can't be had and leaves them external. */
export async function loadExternalData(
  model: ModelProto,
  path: string,
  report: Report,
): Promise<void> {
  if (!model.graph) return;
  const files = new DataFiles(dirname(resolve(path)));
  for (const { proto, node, op } of externalTensors(model.graph, nodeNames(model.graph)))
    try {
      await load(proto, files);
    } catch (error) {
      report(node, op, error);
    }
}
