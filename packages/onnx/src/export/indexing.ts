/** Ops that pick or set elements by index. */
import { DataType } from '../proto.ts';
import { needs, needsElements } from './opsets.ts';
import { outputOf, type Exporter } from './plain.ts';
import type { Writer } from './writer.ts';

/** The inputs with int64 indices: tuples of indices have no other type. */
function withWideIndices(writer: Writer): string[] {
  const [data, indices, ...rest] = writer.node.inputs as [string, string, ...string[]];
  const narrow = writer.graph.types.get(indices)?.dtype === 'int32';
  const to = { to: DataType.INT64 };
  return [data, narrow ? writer.step('indices', 'Cast', [indices], to) : indices, ...rest];
}

/** The attribute for how updates are joined; left out where they replace. */
function reductionFor(writer: Writer, reduction: string): string | undefined {
  if (reduction === 'none') return undefined;
  const extreme = reduction === 'max' || reduction === 'min';
  needs(writer, extreme ? 18 : 16, `scattering with reduction ${reduction}`);
  return reduction;
}

export const gatherElements: Exporter<'gather-elements'> = (node, writer) => {
  needsElements(writer, 'GatherElements');
  writer.write('GatherElements', node.inputs, outputOf(node), { axis: node.attrs.axis });
};

export const gatherNd: Exporter<'gather-nd'> = (node, writer) => {
  const { batchDims } = node.attrs;
  needsElements(writer, 'GatherND');
  if (batchDims) needs(writer, 12, 'gather-nd with batch dimensions');
  const attrs = { batch_dims: batchDims || undefined };
  writer.write('GatherND', withWideIndices(writer), outputOf(node), attrs);
};

export const scatterElements: Exporter<'scatter-elements'> = (node, writer) => {
  const opType = writer.opset < 11 ? 'Scatter' : 'ScatterElements';
  needsElements(writer, opType);
  const { axis, reduction } = node.attrs;
  const attrs = { axis, reduction: reductionFor(writer, reduction) };
  writer.write(opType, node.inputs, outputOf(node), attrs);
};

export const scatterNd: Exporter<'scatter-nd'> = (node, writer) => {
  needsElements(writer, 'ScatterND');
  const attrs = { reduction: reductionFor(writer, node.attrs.reduction) };
  writer.write('ScatterND', withWideIndices(writer), outputOf(node), attrs);
};
