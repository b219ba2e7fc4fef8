import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Tests that drive Chromium, one after the other: they share the cores with it. */
export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ['*.test.ts'],
      fileParallelism: false,
      testTimeout: 600_000,
      hookTimeout: 120_000,
    },
  }),
);
