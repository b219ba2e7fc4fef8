/** Pages built by vite and served as any static host would. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview, type PreviewServer } from 'vite';

export interface Site {
  /** Where the page is served, with the headers of its vite.config.ts. */
  readonly url: string;
  /** The same files without any of these headers, as plain static hosts serve them. */
  readonly plainUrl: string;
  close(): Promise<void>;
}

/** Builds the page of a folder and serves it twice on free ports. */
export async function openSite(root: string): Promise<Site> {
  const outDir = await mkdtemp(join(tmpdir(), 'decouple-site-'));
  await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } });
  const serve = (headers?: Record<string, string>): Promise<PreviewServer> =>
    preview({
      root,
      logLevel: 'error',
      build: { outDir },
      preview: { port: 0, host: '127.0.0.1', ...(headers && { headers }) },
    });
  const withHeaders = await serve();
  const names = Object.keys(withHeaders.config.preview.headers);
  const plain = await serve(Object.fromEntries(names.map((name) => [name, ''])));
  const urlOf = ({ resolvedUrls }: PreviewServer): string => resolvedUrls?.local[0] ?? '';
  return {
    url: urlOf(withHeaders),
    plainUrl: urlOf(plain),
    close: async () => {
      await Promise.all([withHeaders.close(), plain.close()]);
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
