import tseslint from 'typescript-eslint';
import { layers } from './tools/layers.mjs';

/** A package may import only packages of a lower layer (tools/layers.mjs); tests may also use the conformance suite. */
const npmName = (name) => (name === 'decouple' ? 'decouple' : `@decouple/${name}`);
const escape = (text) => text.replaceAll('/', '\\/');

const boundary = Object.entries(layers).map(([name, layer]) => {
  const forbidden = Object.keys(layers).filter((other) => other !== name && layers[other] >= layer);
  return {
    files: [`packages/${name}/src/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...(forbidden.length
              ? [
                  {
                    regex: `^(?:${forbidden.map((other) => escape(npmName(other))).join('|')})(?:/|$)`,
                    message: `'${name}' is on layer ${layer} and may import only lower layers (tools/layers.mjs).`,
                  },
                ]
              : []),
            { regex: '\\.\\./\\.\\./(?:\\.\\./)*packages/', message: 'Import packages by name.' },
          ],
        },
      ],
    },
  };
});

/** Only entry points named `node.ts` (and what lies in a folder `node/`), the command line and tests may use Node's own modules. */
const browserSafe = {
  files: ['packages/*/src/**/*.{ts,tsx}'],
  ignores: ['packages/cli/**', '**/node.ts', '**/node/**'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: '^node:', message: 'Browser-safe code: put this into a `node.ts` entry point.' },
        ],
      },
    ],
  },
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.nx/**',
      '**/generated/**',
      'tools/stand-ins/**',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
  },
  { files: ['**/*.{js,mjs}'], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ['packages/*/src/**/*.{ts,tsx}'],
    rules: {
      'max-lines': ['error', { max: 500 }],
      'max-lines-per-function': ['error', { max: 110, skipComments: true }],
      'max-params': ['error', 6],
    },
  },
  ...boundary,
  browserSafe,
);
