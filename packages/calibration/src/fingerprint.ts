/**
 * Identity of values by what computes them, not by name: two values have the same fingerprint when the same ops
 * with the same attributes and the same constants make them from the same inputs. Passes share untouched nodes
 * and constants, so the untouched part of a network keeps its fingerprints.
 */
import type { Graph } from '@decouple/ir';

export interface Fingerprints {
  /** The fingerprint of a value; -1 when the graph has no such value. */
  of(graph: Graph, value: string): number;
}

export function createFingerprints(): Fingerprints {
  const interned = new Map<string, number>();
  const constants = new WeakMap<object, number>();
  const perGraph = new WeakMap<Graph, Map<string, number>>();
  let nextConstant = 0;
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
      const id = constants.get(value.data) ?? nextConstant++;
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
