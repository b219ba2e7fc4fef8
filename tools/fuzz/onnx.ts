/** Damage to ONNX models that leaves them well-formed protobuf: what is in them makes no sense. */
import type { Random } from '@decouple/tensor';
import {
  AttributeType,
  decodeModel,
  encodeModel,
  type GraphProto,
  type ModelProto,
} from '../../packages/onnx/src/proto.ts';

const pick = <T>(random: Random, items: readonly T[]): T | undefined =>
  items[random.below(items.length)];

const numbers = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  7n,
  -9n,
  64n,
  2n ** 20n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 40n,
  2n ** 62n,
  -(2n ** 63n),
];
const texts = ['', 'constructor', '__proto__', 'SAME_UPPER', 'VALID', 'x', 'y', 'n'.repeat(5000)];
const reals = [0, -1, 1e38, NaN, Infinity, -Infinity, 1e-45];

/** Names of all values, those that nothing defines too. */
const namesOf = (graph: GraphProto): string[] => [
  ...graph.node.flatMap((node) => [...node.input, ...node.output]),
  ...graph.initializer.map(({ name }) => name),
  'nowhere',
  '',
];

type Change = (graph: GraphProto, random: Random, model: ModelProto) => void;

const changes: readonly Change[] = [
  function attribute(graph, random) {
    const found = pick(random, pick(random, graph.node)?.attribute ?? []);
    if (!found) return;
    const type: number = found.type;
    if (type === AttributeType.INTS && found.ints.length && random.below(3))
      found.ints[random.below(found.ints.length)] = pick(random, numbers) ?? 0n;
    else if (type === AttributeType.INTS)
      found.ints = Array.from({ length: random.below(7) }, () => pick(random, numbers) ?? 0n);
    else if (type === AttributeType.INT) found.i = pick(random, numbers) ?? 0n;
    else if (type === AttributeType.FLOAT) found.f = pick(random, reals) ?? 0;
    else found.type = random.below(12);
  },
  function dimensions(graph, random) {
    const dims = pick(random, graph.initializer)?.dims;
    if (dims?.length) dims[random.below(dims.length)] = pick(random, numbers) ?? 0n;
  },
  function inputShape(graph, random) {
    const value = pick(random, graph.input)?.type?.value;
    if (value?.case !== 'tensorType') return;
    const dim = pick(random, value.value.shape?.dim ?? []);
    if (!dim) return;
    dim.value = random.below(2)
      ? { case: 'dimValue', value: pick(random, numbers) ?? 0n }
      : { case: 'dimParam', value: pick(random, texts) ?? '' };
  },
  function elements(graph, random) {
    const found = pick(random, graph.initializer);
    if (!found?.rawData.length) return;
    // A model's data are views of its file.
    found.rawData = Uint8Array.from(found.rawData);
    const view = new DataView(found.rawData.buffer);
    if (found.rawData.length % 8 === 0 && random.below(2))
      view.setBigInt64(
        8 * random.below(found.rawData.length / 8),
        pick(random, numbers) ?? 0n,
        true,
      );
    else if (found.rawData.length >= 4)
      view.setFloat32(4 * random.below(found.rawData.length >> 2), pick(random, reals) ?? 0, true);
  },
  function elementType(graph, random) {
    const found = pick(random, graph.initializer);
    if (found) found.dataType = random.below(24);
  },
  function wiring(graph, random) {
    const node = pick(random, graph.node);
    if (node?.input.length)
      node.input[random.below(node.input.length)] = pick(random, namesOf(graph)) ?? '';
  },
  function results(graph, random) {
    const node = pick(random, graph.node);
    if (node?.output.length)
      node.output[random.below(node.output.length)] = pick(random, namesOf(graph)) ?? '';
  },
  function arity(graph, random) {
    const node = pick(random, graph.node);
    if (random.below(2)) node?.input.pop();
    else node?.input.push(pick(random, namesOf(graph)) ?? '');
  },
  function repetition(graph, random) {
    const node = pick(random, graph.node);
    if (node)
      graph.node.push(
        random.below(2)
          ? node
          : {
              ...node,
              output: node.output.map((name) => `${name}2`),
              input: [...node.output, ...node.input.slice(1)],
            },
      );
  },
  function naming(graph, random) {
    const thing = pick(random, [
      ...graph.node,
      ...graph.initializer,
      ...graph.input,
      ...graph.output,
    ]);
    if (thing) thing.name = pick(random, [...texts, ...namesOf(graph)]) ?? '';
  },
  function operator(graph, random) {
    const node = pick(random, graph.node);
    if (node)
      node.opType =
        pick(random, [
          'Relu',
          'Add',
          'Concat',
          'Reshape',
          'Conv',
          'MaxPool',
          'Gather',
          'Slice',
          'Split',
          'Pad',
          'Expand',
          'Resize',
          'Tile',
          'Flatten',
          'Nothing',
        ]) ?? '';
  },
  function version(_, random, model) {
    const opset = pick(random, model.opsetImport);
    if (opset) opset.version = pick(random, [1n, 6n, 7n, 11n, 13n, 18n, 22n, ...numbers]) ?? 0n;
  },
];

/** The model with one to three senseless changes; `undefined` when the bytes are no model any more. */
export function absurdModel(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  let model: ModelProto;
  try {
    model = decodeModel(Uint8Array.from(bytes), 'seed');
  } catch {
    return undefined;
  }
  const { graph } = model;
  if (!graph) return undefined;
  for (let left = 1 + random.below(3); left > 0; left--)
    pick(random, changes)?.(graph, random, model);
  return encodeModel(model);
}
