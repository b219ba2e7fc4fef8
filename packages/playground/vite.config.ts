/** Builds the page as static files, and serves them with the headers that threads need. */
import { readFileSync } from 'node:fs';
import { defaultClientConditions, defineConfig } from 'vite';

/** Cross-origin isolation: without it browsers give no shared memory, hence no threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export default defineConfig({
  // Works from any folder of a static host.
  base: './',
  resolve: { conditions: ['@decouple/source', ...defaultClientConditions] },
  define: { 'import.meta.env.DECOUPLE_VERSION': JSON.stringify(version) },
  assetsInclude: ['**/*.onnx', '**/*.npy'],
  build: { target: 'es2023', assetsInlineLimit: 0, chunkSizeWarningLimit: 1500 },
  worker: { format: 'es' },
  server: { headers: isolation },
  preview: { headers: isolation },
});
