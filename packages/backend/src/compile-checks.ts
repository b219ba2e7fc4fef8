/** Checks that every backend makes, so that all of them refuse alike: shapes bound, nodes supported, inputs fitting. */
import { bindSymbols, formatType, requireMemory, symbolsOf, type Graph } from '@decouple/ir';
import { InvariantError, ModelError, sameShape, UnsupportedError } from '@decouple/tensor';
import type { Backend, CompileOptions, Tensors } from './contract.ts';

/**
 * The graph with every symbolic dimension bound: by `bind`, else to 1.
 * @throws ModelError when `bind` names an unknown symbol, or the sizes don't fit the network; UnsupportedError when
 * its values take too much memory.
 */
export function bindForCompile(graph: Graph, bind: CompileOptions['bind'] = {}): Graph {
  const symbols = symbolsOf(graph);
  for (const name of Object.keys(bind))
    if (!symbols.includes(name))
      throw new ModelError(
        `'${name}' is not a symbolic dimension of '${graph.name}'; it has ${symbols.join(', ') || 'none'}`,
      );
  const sizes = Object.fromEntries(
    symbols.map((symbol) => [
      symbol,
      (Object.hasOwn(bind, symbol) ? bind[symbol] : undefined) ?? 1,
    ]),
  );
  const bound = symbols.length ? bindSymbols(graph, sizes) : graph;
  requireMemory(bound);
  return bound;
}

/** @throws UnsupportedError that lists every node the backend refuses, with its reason. */
export function requireSupport(backend: Backend, graph: Graph): void {
  const refused = graph.nodes.flatMap((node) => {
    const answer = backend.supports(graph, node);
    return answer === true ? [] : [`${node.op} '${node.name}': ${answer.unsupported}`];
  });
  if (refused.length)
    throw new UnsupportedError(`backend '${backend.name}' can't run ${refused.join('; ')}`);
}

/** @throws ModelError when an input is missing, unknown, or not of the type the bound graph was compiled for. */
export function requireInputs(graph: Graph, inputs: Tensors): void {
  for (const name of Object.keys(inputs))
    if (!graph.inputs.some((input) => input.name === name))
      throw new ModelError(
        `'${name}' is not an input; inputs are ${graph.inputs.map((input) => input.name).join(', ')}`,
      );
  for (const { name, type } of graph.inputs) {
    const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (!value) throw new ModelError(`input '${name}' ${formatType(type)} is missing`);
    if (value.dtype !== type.dtype || !sameShape(value.shape, type.shape))
      throw new ModelError(
        `input '${name}' is ${formatType(value)}, compiled for ${formatType(type)}`,
      );
  }
}

/** @throws InvariantError when an executable is used after `dispose`. */
export function requireAlive(alive: boolean, graph: Graph): void {
  if (!alive) throw new InvariantError(`the executable of '${graph.name}' was disposed`);
}
