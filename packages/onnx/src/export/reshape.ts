/**
 * Reshape targets: a symbol that the input has at the same place is 0 (copied), a single other one is -1 (inferred).
 * More than that is computed when the model runs.
 */
import type { NodeOf } from '@decouple/ir';
import { writeSizes } from './sizes.ts';
import { needs } from './opsets.ts';
import type { Writer } from './writer.ts';

export function writeReshape(node: NodeOf<'reshape'>, writer: Writer): void {
  const [x, output] = [node.inputs[0] as string, node.outputs[0] as string];
  const { allowZero } = node.attrs;
  if (allowZero) needs(writer, 14, 'reshape to no elements');
  const shape = writer.graph.types.get(x)?.shape;
  const target = node.attrs.shape.map((dim, axis) =>
    typeof dim === 'string' && dim === shape?.[axis] && !allowZero ? 0 : dim,
  );
  const one = target.filter((dim) => typeof dim === 'string').length === 1 && !target.includes(-1);
  const list = one ? target.map((dim) => (typeof dim === 'string' ? -1 : dim)) : target;
  const attrs = { allowzero: allowZero ? 1 : undefined };
  writer.write('Reshape', [x, writeSizes(writer, 'shape', list)], output, attrs);
}
