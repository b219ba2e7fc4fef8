/** Measured trials of searches as small files in a folder: a search that was killed goes on from there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Measured } from '@decouple/search';
import { z } from 'zod';
import type { SearchStore } from '../search.ts';
import { writeFileWhole } from './files.ts';

const measured = z.object({
  macs: z.number(),
  params: z.number(),
  ms: z.number().optional(),
  drop: z.number().optional(),
});

/** A store in a folder, which is made when something is put there. Damaged files count as missing. */
export function folderStore(folder: string): SearchStore {
  const pathOf = (key: string): string => join(folder, `${key}.json`);
  return {
    async get(key) {
      try {
        return measured.parse(JSON.parse(await readFile(pathOf(key), 'utf8'))) as Measured;
      } catch {
        return undefined;
      }
    },
    put: (key, value) => writeFileWhole(pathOf(key), JSON.stringify(value)),
  };
}
