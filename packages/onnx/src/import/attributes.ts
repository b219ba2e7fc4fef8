/**
 * The attributes of one ONNX node, read by name and type. It remembers what was read: an attribute that no importer
 * asked for would be a change of meaning that goes unnoticed, so `unread()` lists those and the node stays opaque.
 */
import { ModelError, type Tensor } from '@decouple/tensor';
import { AttributeType, attributeTypeName, type AttributeProto, type NodeProto } from '../proto.ts';
import { importTensor, toInteger } from '../tensors.ts';

const int64 = { min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n };

/** Numbers beyond 2^53 only ever mean "to the end": they are clamped. */
export const clampInteger = (value: bigint | number): number =>
  typeof value === 'number'
    ? value
    : Number(value < int64.min ? int64.min : value > int64.max ? int64.max : value);

export interface Attributes {
  has(name: string): boolean;
  integer(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  /** @returns `undefined` when absent. */
  integers(name: string): number[] | undefined;
  floats(name: string): number[] | undefined;
  tensor(name: string): Tensor | undefined;
  /** Marks an attribute as having no influence on the result. */
  ignore(...names: string[]): void;
  /** Names that nobody asked for. */
  unread(): string[];
}

/** @throws ModelError (when read) naming the node if an attribute has another type than asked for. */
export function readAttributes(node: NodeProto, where: string): Attributes {
  const byName = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  const read = new Set<string>();
  const get = (name: string, type: number): AttributeProto | undefined => {
    read.add(name);
    const found = byName.get(name);
    // Files before IR version 2 may leave the type undefined.
    const given: number = found?.type ?? type;
    if (found && given !== type && given !== AttributeType.UNDEFINED)
      throw new ModelError(
        `${where}: attribute '${name}' is ${attributeTypeName(given)}, expected ${attributeTypeName(type)}`,
      );
    return found;
  };
  return {
    has: (name) => byName.has(name),
    integer: (name, fallback) => {
      const found = get(name, AttributeType.INT);
      return found ? toInteger(found.i, `${where}: attribute '${name}'`) : fallback;
    },
    float: (name, fallback) => get(name, AttributeType.FLOAT)?.f ?? fallback,
    text: (name, fallback) => {
      const found = get(name, AttributeType.STRING);
      return found ? new TextDecoder().decode(found.s) : fallback;
    },
    integers: (name) => get(name, AttributeType.INTS)?.ints.map(clampInteger),
    floats: (name) => get(name, AttributeType.FLOATS)?.floats,
    tensor: (name) => {
      const value = get(name, AttributeType.TENSOR)?.t;
      return value && importTensor(value, `${where}: attribute '${name}'`);
    },
    ignore: (...names) => names.forEach((name) => read.add(name)),
    unread: () => [...byName.keys()].filter((name) => !read.has(name)),
  };
}
