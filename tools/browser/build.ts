/** Bundles a page of the tools from sources, as an application would. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Builds `tools/browser/NAME/index.html` to `out/browser/NAME`, and gives that folder. */
export async function buildPage(name: string): Promise<string> {
  const outDir = inRepository(`out/browser/${name}`);
  await build({
    root: inRepository(`tools/browser/${name}`),
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['@decouple/source', 'browser', 'module', 'import', 'default'] },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      minify: false,
      chunkSizeWarningLimit: 1e6,
    },
  });
  return outDir;
}
