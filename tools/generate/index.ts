/**
 * Writes a network with seeded random weights as an ONNX file:
 *
 *   npm run generate -- vgg16 vgg16.onnx --seed 1
 */
import { parseArgs } from 'node:util';
import { generators } from '@decouple/conformance';
import { totalCost } from '@decouple/ir';
import { writeOnnx } from '@decouple/onnx/node';
import { createRandom, DecoupleError, OptionError } from '@decouple/tensor';

const usage = `usage: npm run generate -- ${Object.keys(generators).join('|')} OUT.onnx [--seed 1]`;

function generatorOf(name: string | undefined): (typeof generators)[keyof typeof generators] {
  const found = Object.entries(generators).find(([known]) => known === name);
  if (!found) throw new OptionError(`unknown network '${name ?? ''}'\n${usage}`);
  return found[1];
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string', default: '1' } },
  });
  const [name, path] = positionals;
  const generate = generatorOf(name);
  const seed = Number(values.seed);
  if (path === undefined || positionals.length > 2) throw new OptionError(usage);
  if (!Number.isSafeInteger(seed))
    throw new OptionError(`--seed: a whole number expected, got ${values.seed}`);
  const graph = generate(createRandom(seed));
  await writeOnnx(path, graph);
  const { macs, params } = totalCost(graph);
  console.log(
    `${path}: ${name}, ${(macs / 1e9).toFixed(2)} GMACs, ${(params / 1e6).toFixed(1)} M parameters`,
  );
}

main().catch((error: unknown) => {
  if (!(error instanceof DecoupleError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});
