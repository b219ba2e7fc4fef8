/** Element-wise ops whose ONNX form depends on their attributes. */
import { dataTypeOf } from '../tensors.ts';
import { DataType } from '../proto.ts';
import { needs, needsElements } from './opsets.ts';
import { outputOf, plain, type Exporter } from './plain.ts';

const capitalized = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

export const trigonometric: Exporter<'trigonometric'> = (node, writer) => {
  const opType = capitalized(node.attrs.function);
  needsElements(writer, opType);
  writer.write(opType, node.inputs, outputOf(node));
};

export const logical: Exporter<'logical'> = (node, writer) =>
  writer.write(capitalized(node.attrs.operator), node.inputs, outputOf(node));

export const mod: Exporter<'mod'> = (node, writer) => {
  needsElements(writer, 'Mod');
  const fmod = node.attrs.sign === 'dividend' ? 1 : 0;
  writer.write('Mod', node.inputs, outputOf(node), { fmod });
};

/** Exponents may be of another type since operator set 12. */
export const pow: Exporter<'pow'> = (node, writer) => {
  const [base, exponent] = node.inputs.map((input) => writer.graph.types.get(input)?.dtype);
  if (base !== exponent) needs(writer, 12, `Pow of ${base} to ${exponent}`);
  plain('Pow')(node, writer);
};

const relations = {
  equal: 'Equal',
  greater: 'Greater',
  'greater-or-equal': 'GreaterOrEqual',
} as const;

export const compare: Exporter<'compare'> = (node, writer) => {
  const opType = relations[node.attrs.relation];
  if (opType !== 'GreaterOrEqual' || writer.opset >= 12) {
    needsElements(writer, opType);
    return writer.write(opType, node.inputs, outputOf(node));
  }
  const either = (['Greater', 'Equal'] as const).map((part) => {
    needsElements(writer, part);
    return writer.step(part.toLowerCase(), part, node.inputs);
  });
  writer.write('Or', either, outputOf(node));
};

export const cast: Exporter<'cast'> = (node, writer) => {
  const { to, precision } = node.attrs;
  let { inputs } = node;
  if (precision === 'bfloat16') needs(writer, 13, 'bfloat16');
  if (precision) {
    const narrow = precision === 'float16' ? DataType.FLOAT16 : DataType.BFLOAT16;
    inputs = [writer.step('rounded', 'Cast', inputs, { to: narrow })];
  }
  writer.write('Cast', inputs, outputOf(node), { to: dataTypeOf[to] });
};
