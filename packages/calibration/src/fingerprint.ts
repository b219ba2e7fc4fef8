/**
 * Identity of values by what computes them, not by name: two values have the same fingerprint when the same ops
 * with the same attributes and constants of the same content make them from the same inputs. So the untouched part of
 * a network keeps its fingerprints, and runs that do the same make the same.
 */
import type { Graph } from '@decouple/ir';
import type { Tensor } from '@decouple/tensor';

export interface Fingerprints {
  /** The fingerprint of a value; -1 when the graph has no such value. */
  of(graph: Graph, value: string): number;
}

/** 64 bits of the content: two multiplicative hashes with different factors. */
function digest({ data, dtype }: Tensor): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const whole = bytes.byteOffset % 4 === 0 ? bytes.length >> 2 : 0;
  const words = new Uint32Array(data.buffer, whole ? data.byteOffset : 0, whole);
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  const add = (value: number): void => {
    a = Math.imul(a ^ value, 0x9e3779b1);
    a ^= a >>> 15;
    b = Math.imul(b ^ value, 0x5f356495);
    b ^= b >>> 13;
  };
  for (const word of words) add(word);
  for (let at = whole * 4; at < bytes.length; at++) add(bytes[at] as number);
  return `${dtype}:${a >>> 0}:${b >>> 0}`;
}

export function createFingerprints(): Fingerprints {
  const interned = new Map<string, number>();
  const constants = new WeakMap<object, string>();
  const perGraph = new WeakMap<Graph, Map<string, number>>();
  const intern = (text: string): number => {
    const known = interned.get(text) ?? interned.size;
    interned.set(text, known);
    return known;
  };
  const build = (graph: Graph): Map<string, number> => {
    const prints = new Map<string, number>();
    for (const input of graph.inputs)
      prints.set(input.name, intern(`input ${input.name} ${input.type.shape.join()}`));
    for (const [name, value] of graph.constants) {
      const id = constants.get(value.data) ?? digest(value);
      constants.set(value.data, id);
      prints.set(name, intern(`constant ${id} ${value.shape.join()}`));
    }
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((input) => (input === '' ? '_' : String(prints.get(input))));
      const recipe = `${node.op} ${JSON.stringify(node.attrs)} ${inputs.join()}`;
      node.outputs.forEach((output, index) => prints.set(output, intern(`${index} ${recipe}`)));
    }
    return prints;
  };
  return {
    of(graph, value) {
      const prints = perGraph.get(graph) ?? build(graph);
      perGraph.set(graph, prints);
      return prints.get(value) ?? -1;
    },
  };
}
