import { defineConfig } from 'vitest/config';

/** Run tests from TypeScript sources: workspace packages resolve through the `@decouple/source` condition. */
export default defineConfig({
  resolve: { conditions: ['@decouple/source', 'node'] },
  ssr: {
    resolve: { conditions: ['@decouple/source', 'node', 'import', 'module', 'default'] },
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    testTimeout: 60_000,
    // Tests read what commands print, which nx would have in colours.
    env: { FORCE_COLOR: '0', NO_COLOR: '1' },
  },
});
