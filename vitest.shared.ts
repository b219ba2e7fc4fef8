import { defineConfig } from 'vitest/config';

/** Run tests from TypeScript sources: workspace packages resolve through the `@decouple/source` condition. */
export default defineConfig({
  resolve: { conditions: ['@decouple/source', 'node'] },
  ssr: {
    resolve: { conditions: ['@decouple/source', 'node', 'import', 'module', 'default'] },
  },
  test: { include: ['test/**/*.test.ts'], pool: 'threads', testTimeout: 60_000 },
});
