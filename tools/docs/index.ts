/** Writes the generated documentation: docs/ops.md. */
import { fileURLToPath } from 'node:url';
import { writeFileWhole } from 'decouple/node';
import { formatMarkdown } from './format.ts';
import { opsDocument } from './ops.ts';

const path = fileURLToPath(new URL('../../docs/ops.md', import.meta.url));
await writeFileWhole(path, await formatMarkdown(opsDocument(), path));
console.log(`wrote ${path}`);
