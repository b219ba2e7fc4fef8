/**
 * Weights with fewer bits, in standard operators: `Cast` of float16 numbers, or `DequantizeLinear` of 8-bit integers
 * with a scale per output channel. The nodes come first and make values of the old names.
 */
import { weightAxes, type Graph } from '@decouple/ir';
import {
  compact,
  float32,
  int64,
  tensor,
  type Compact,
  type Tensor,
  type WeightStorage,
} from '@decouple/tensor';
import {
  AttributeType,
  createAttribute,
  createNode,
  DataType,
  type AttributeProto,
  type NodeProto,
} from '../proto.ts';
import { needs } from './opsets.ts';
import type { Written } from './writer.ts';

/** What is written of a graph, and which of its constants are bits of float16 numbers. */
export interface CompactWritten extends Written {
  readonly halves: ReadonlySet<string>;
}

interface CompactOptions {
  readonly storage: WeightStorage;
  readonly opset: number;
  /** A name that nothing has yet, from a wanted one. */
  readonly fresh: (wanted: string) => string;
}

const integer = (name: string, value: number): AttributeProto =>
  createAttribute({ name, type: AttributeType.INT, i: BigInt(value) });

/** Adds nodes with what they need, under names made from that of one weight. */
interface Restorer {
  /** A constant named `<weight>/<role>`. */
  constant(role: string, value: Tensor): string;
  /** A node named `<weight>/<role>`. */
  node(
    role: string,
    opType: string,
    input: readonly string[],
    output: string,
    attrs?: AttributeProto[],
  ): void;
  value(role: string): string;
}

/** Half-precision bits as an initializer, and the node that makes `name` of them. @returns the initializer's name. */
function restoreHalves(
  to: Restorer,
  name: string,
  shape: readonly number[],
  halves: Uint16Array,
): string {
  const input = to.constant('half', tensor('uint16', shape, halves));
  to.node('widened', 'Cast', [input], name, [integer('to', DataType.FLOAT)]);
  return input;
}

/**
 * Integers and steps as initializers, and the nodes that make `name` of them. The right factor of a MatMul has another
 * axis in the file: onnxruntime takes a matrix that is dequantized just before for a wish to round the other factor
 * to 8 bits as well.
 */
function restoreSteps(
  to: Restorer,
  name: string,
  {
    shape,
    small,
    isFactor,
  }: { shape: readonly number[]; small: Compact & { storage: 'i8' }; isFactor: boolean },
): void {
  const { axis, steps, integers } = small;
  const stored = isFactor ? [1, ...shape] : shape;
  const inputs = [
    to.constant('integers', tensor('int8', stored, integers)),
    to.constant('steps', float32([steps.length], steps)),
  ];
  const attrs = [integer('axis', axis + (isFactor ? 1 : 0))];
  if (!isFactor) return to.node('dequantized', 'DequantizeLinear', inputs, name, attrs);
  const values = to.value('values');
  to.node('dequantized', 'DequantizeLinear', inputs, values, attrs);
  to.node('matrix', 'Squeeze', [values, to.constant('axes', int64([0]))], name);
}

/**
 * Stores the weights of a written graph in fewer bytes; those that gain nothing by it stay.
 * @throws OpsetError for 8 bits before operator set 13.
 */
export function compactWeights(
  graph: Graph,
  written: Written,
  { storage, opset, fresh }: CompactOptions,
): CompactWritten {
  if (storage === 'f32') return { ...written, halves: new Set() };
  if (storage === 'i8') needs({ opset }, 13, '8-bit storage of weights');
  const nodes: NodeProto[] = [];
  const constants = new Map<string, Tensor>();
  const halves = new Set<string>();
  const axes = weightAxes(graph);
  const factors = new Set(
    written.nodes.flatMap(({ opType, input }) => (opType === 'MatMul' ? input.slice(1) : [])),
  );
  for (const [name, value] of written.constants) {
    const axis = axes.get(name);
    const small = axis === undefined ? undefined : compact(value, storage, axis);
    const named = (role: string): string => fresh(`${name}/${role}`);
    const to: Restorer = {
      value: named,
      constant: (role, part) => {
        const partName = named(role);
        constants.set(partName, part);
        return partName;
      },
      node: (role, opType, input, output, attribute = []) =>
        void nodes.push(
          createNode({ opType, name: named(role), input: [...input], output: [output], attribute }),
        ),
    };
    const { shape } = value;
    if (!small) constants.set(name, value);
    else if (small.storage === 'f16') halves.add(restoreHalves(to, name, shape, small.halves));
    else restoreSteps(to, name, { shape, small, isFactor: factors.has(name) });
  }
  return { nodes: [...nodes, ...written.nodes], constants, halves };
}
