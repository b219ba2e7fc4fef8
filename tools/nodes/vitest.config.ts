import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Run by the binaries that index.ts starts. */
export default mergeConfig(shared, defineConfig({ test: { include: ['*.test.ts'] } }));
