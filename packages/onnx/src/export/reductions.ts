/** Ops along axes. */
import { int64 } from '@decouple/tensor';
import { needs, needsElements } from './opsets.ts';
import { axisFor, outputOf, rankOf, withList, type Exporter } from './plain.ts';

const reductions = {
  sum: 'ReduceSum',
  mean: 'ReduceMean',
  max: 'ReduceMax',
  min: 'ReduceMin',
  prod: 'ReduceProd',
} as const;

export const reduce: Exporter<'reduce'> = (node, writer) => {
  const { kind, axes, keepDims } = node.attrs;
  const opType = reductions[kind];
  needsElements(writer, opType);
  const values = axes.map((axis) => axisFor(writer, axis));
  const list = { name: 'axes', values, since: kind === 'sum' ? 13 : 18 };
  withList(writer, opType, list, { keepdims: keepDims ? 1 : 0 });
};

/** Before operator set 13 the axis must be the last: all from it on counted as one. */
export const softmax =
  (opType: 'Softmax' | 'LogSoftmax'): Exporter<'softmax' | 'log-softmax'> =>
  (node, writer) => {
    const [axis, rank] = [axisFor(writer, node.attrs.axis), rankOf(writer)];
    const last = axis === -1 || axis + 1 === rank;
    if (last || writer.opset >= 13 || rank === undefined)
      return writer.write(opType, node.inputs, outputOf(node), { axis });
    const exchanged = Array.from({ length: rank }, (_, at) => at);
    const place = axis < 0 ? axis + rank : axis;
    [exchanged[place], exchanged[rank - 1]] = [rank - 1, place];
    const x = writer.step('turned', 'Transpose', node.inputs, { perm: exchanged });
    const y = writer.step('along', opType, [x], { axis: rank - 1 });
    writer.write('Transpose', [y], outputOf(node), { perm: exchanged });
  };

export const argExtreme: Exporter<'arg-extreme'> = (node, writer) => {
  const { largest, axis, keepDims, last } = node.attrs;
  if (last) needs(writer, 12, 'the last of equal extremes');
  writer.write(largest ? 'ArgMax' : 'ArgMin', node.inputs, outputOf(node), {
    axis: axisFor(writer, axis),
    keepdims: keepDims ? 1 : 0,
    select_last_index: last ? 1 : undefined,
  });
};

export const topK: Exporter<'top-k'> = (node, writer) => {
  const { count, axis, largest } = node.attrs;
  needsElements(writer, 'TopK');
  if (!largest) needs(writer, 11, 'top-k of the smallest');
  const outputs = [writer.name('values'), outputOf(node)];
  const attrs = { axis: axisFor(writer, axis), largest: largest ? undefined : 0 };
  if (writer.opset < 10) return writer.write('TopK', node.inputs, outputs, { ...attrs, k: count });
  writer.write('TopK', [...node.inputs, writer.integers('k', [count])], outputs, attrs);
};

export const cumulativeSum: Exporter<'cumulative-sum'> = (node, writer) => {
  const { axis, exclusive, reverse } = node.attrs;
  needsElements(writer, 'CumSum');
  writer.write(
    'CumSum',
    [...node.inputs, writer.constant('axis', int64([axis], []))],
    outputOf(node),
    { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 },
  );
};
