/**
 * Placing nodes: types are inferred, nodes of constants are evaluated by the reference interpreter, and shape
 * arithmetic whose result is known becomes a constant. What remains is a node of the graph.
 */
import {
  foldingWork,
  inferNode,
  interpretNode,
  recordOf,
  staticShape,
  typeOfTensor,
  typeProblem,
  type Node,
  type ValueType,
} from '@decouple/ir';
import { cast, DecoupleError, int64, messageOf, ModelError, type Tensor } from '@decouple/tensor';
import type { Collected } from './call.ts';
import { contentsOf } from './contents.ts';
import type { ImportState } from './state.ts';

/** What folding a node takes; infinite when only running it tells. */
function workOf(state: ImportState, node: Node, types: readonly (ValueType | null)[]): number {
  if (node.op === 'constant-of-shape') {
    const shape = state.contentsOf(node.inputs[0] as string) as readonly number[] | undefined;
    return shape?.reduce((product, dim) => product * Math.max(dim, 0), 1) ?? Infinity;
  }
  if (node.op === 'range') {
    const [start, limit, delta] = node.inputs.map((name) =>
      Number(state.constantOf(name)?.data[0]),
    ) as [number, number, number];
    return Math.max(0, Math.ceil((limit - start) / delta)) || 0;
  }
  if (!types.every((type) => type !== null)) return Infinity;
  const inputs = node.inputs.map((input) => state.typeOf(input));
  return foldingWork(node, inputs, types);
}

/** The results of a node of constants, unless that is more work than folding may do. */
function fold(
  state: ImportState,
  node: Node,
  types: readonly (ValueType | null)[],
): Tensor[] | undefined {
  if (
    node.op === 'opaque' ||
    types.some((type) => type && !staticShape(type)) ||
    !node.inputs.every((name) => name === '' || state.constants.has(name))
  )
    return undefined;
  if (!state.mayFold(workOf(state, node, types))) return undefined;
  return interpretNode(
    node,
    node.inputs.map((name) => state.constants.get(name)),
  );
}

/** Adds a node, or the constants that it amounts to. */
export function place(state: ImportState, node: Node): void {
  const types = inferNode(node, state.typeOf);
  const [name] = node.outputs as [string];
  for (const found of types ?? []) {
    const problem = found && typeProblem(found);
    if (problem !== null && problem !== undefined) throw new ModelError(`'${name}' ${problem}`);
  }
  const [type] = types ?? [];
  let results = types && fold(state, node, types);
  if (!results && type) {
    const contents = contentsOf(node, type, state);
    if (contents) state.contents.set(name, contents);
    const shape = staticShape(type);
    if (shape && contents?.every((dim) => typeof dim === 'number'))
      results = [cast(int64(contents, shape), type.dtype)];
  }
  if (!results) state.nodes.push(node);
  node.outputs.forEach((output, index) => {
    const result = results?.[index];
    if (result) state.constants.set(output, result);
    const found = result ? typeOfTensor(result) : types?.[index];
    if (found) state.types.set(output, found);
  });
}

const isFullyKnown = (type: ValueType | undefined): boolean =>
  type?.dtype === 'float32' && staticShape(type) !== undefined;

/**
 * Places what an importer collected. Sizes that don't fit are an error of the model when all of them are known; with
 * symbols or other element types it may as well be us who don't understand them.
 * @returns why not, in the second case.
 * @throws ModelError in the first.
 */
export function placeAll(state: ImportState, { nodes, constants }: Collected): string | undefined {
  for (const [name, value] of constants) {
    state.constants.set(name, value);
    state.types.set(name, typeOfTensor(value));
  }
  const before = state.nodes.length;
  for (const node of nodes) {
    const absent = recordOf(node.op).inputs.find((spec, at) => !spec.optional && !node.inputs[at]);
    if (absent) throw new ModelError(`input '${absent.name}' is missing`);
    const inputs = node.inputs.filter(Boolean).map((input) => state.typeOf(input));
    try {
      place(state, node);
    } catch (error) {
      if (!(error instanceof DecoupleError) || inputs.every(isFullyKnown)) throw error;
      state.nodes.length = before;
      return messageOf(error);
    }
  }
  return undefined;
}
