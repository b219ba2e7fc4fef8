/**
 * Bundles packages/backend-cpu/src/ahead/loader.ts into the text that `decouple compile` writes beside each network.
 *
 *   npm run loader
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import { writeFileWhole } from 'decouple/node';

const folder = fileURLToPath(new URL('../../packages/backend-cpu/src/ahead/', import.meta.url));
export const loaderPath = `${folder}loader-source.ts`;

/** The generated file. */
export async function generateLoader(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${folder}loader.ts`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['@decouple/source'],
    legalComments: 'none',
    write: false,
  });
  const source = outputFiles[0]?.text.trim() ?? '';
  const text = `/** Generated from loader.ts by \`npm run loader\`. */\n\n/** A module that exports \`load\`. */\nexport const loaderSource = ${JSON.stringify(source)};\n`;
  return format(text, { ...(await resolveConfig(loaderPath)), parser: 'typescript' });
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await writeFileWhole(loaderPath, await generateLoader());
