/** Networks as files that run without this project. */
import { basename, extname, join } from 'node:path';
import { compileAhead, cpu, type AheadOptions } from '@decouple/backend-cpu';
import type { Graph } from '@decouple/ir';
import { runPipeline } from '@decouple/pass-manager';
import { writeFilesWhole } from '@decouple/tensor/node';
import { parsePipeline } from '../passes.ts';
import { makeFolderOf } from './files.ts';

export interface CompiledFiles {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Of the code of both variants, with and without fused multiply-add. */
  readonly codeBytes: number;
}

const sizeOf = (content: string | readonly Uint8Array[]): number =>
  typeof content === 'string'
    ? Buffer.byteLength(content)
    : content.reduce((sum, { length }) => sum + length, 0);

/**
 * Compiles a network ahead of time and writes `<name>.wasm`, `<name>.js` and `<name>.d.ts` into a folder.
 * @param model a path whose last part names the files.
 * @throws UnsupportedError when some of it only runs with this project at hand; DataError when files can't be written.
 */
export async function compileFiles(
  model: string,
  graph: Graph,
  folder: string,
  options: AheadOptions = {},
): Promise<CompiledFiles> {
  const name = basename(model, extname(model));
  const legal = await runPipeline(graph, parsePipeline(cpu().legalize), { verifyEach: false });
  const { wasm, js, types, codeBytes } = compileAhead(legal.graph, options);
  // The name as it stands in a URL.
  const loader = `${js.replace('NETWORK', encodeURIComponent(name))}\n`;
  const files = [
    { path: join(folder, `${name}.wasm`), content: wasm },
    { path: join(folder, `${name}.js`), content: loader },
    { path: join(folder, `${name}.d.ts`), content: types },
  ];
  for (const { path } of files) await makeFolderOf(path);
  await writeFilesWhole(files);
  return { files: files.map(({ path, content }) => ({ path, bytes: sizeOf(content) })), codeBytes };
}
