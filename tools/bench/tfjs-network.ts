/** A graph as operations of TensorFlow.js, with its fused kernels, on whatever backend that has been set to. */
import * as tf from '@tensorflow/tfjs-core';
import type { Activation, Graph, Node } from '@decouple/ir';
import type { Tensors } from '@decouple/backend';
import { float32, floats, sizeOf, UnsupportedError, type Tensor } from '@decouple/tensor';

/** The pipeline that a graph has to be through: batch normalisation and activations folded, sums as nodes. */
export const tfjsForm = 'fold-constants, fold-batch-norm, remove-identity, fuse-activations';

type Values = Map<string, tf.Tensor>;
type Operation = (values: Values) => tf.Tensor;
type Quad = [number, number, number, number];

const refuse = (what: string): never => {
  throw new UnsupportedError(`no ${what} in TensorFlow.js, or none needed so far`);
};

/** Maps are NHWC: where each axis of NCHW stands, and orders of axes there and back. */
const axisOf: Quad = [0, 3, 1, 2];
const toNhwc: Quad = [0, 2, 3, 1];
const toNchw: Quad = [0, 3, 1, 2];
const inNhwc = <T>(perAxis: readonly T[]): T[] => toNhwc.map((axis) => perAxis[axis] as T);

const activationOf = (activation: Activation): 'linear' | 'relu' => {
  if (activation === null) return 'linear';
  return activation.kind === 'relu' ? 'relu' : refuse(activation.kind);
};

/** Padding on the four sides; one number where they are alike, which every operation takes. */
const paddingOf = ([top, left, bottom, right]: Readonly<Quad>) =>
  top === left && top === bottom && top === right
    ? top
    : ([
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ] as tf.backend_util.ExplicitPadding);

class Builder {
  /** Weights, in the order that TensorFlow.js has them. */
  readonly held: tf.Tensor[] = [];
  /** Values of rank 4 that are stored in the order of their axes, not as maps. */
  private readonly plain = new Set<string>();
  private readonly graph: Graph;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  shapeOf(name: string): number[] {
    return this.graph.types.get(name)?.shape as number[];
  }

  isMap(name: string): boolean {
    return this.shapeOf(name).length === 4 && !this.plain.has(name);
  }

  private hold<T extends tf.Tensor>(make: () => T): T {
    const held = tf.keep(tf.tidy(make));
    this.held.push(held);
    return held;
  }

  private constant(name: string | undefined): Tensor {
    return this.graph.constants.get(name ?? '') ?? refuse(`'${name}' that is computed`);
  }

  private bias(name: string | undefined): { bias?: tf.Tensor1D } {
    return name ? { bias: this.hold(() => tf.tensor1d(floats(this.constant(name)))) } : {};
  }

  /** Reads a value or a constant. */
  private operand(name: string): Operation {
    const constant = this.graph.constants.get(name);
    if (!constant) return (values) => values.get(name) as tf.Tensor;
    const { shape } = constant;
    if (shape.length !== 4 && sizeOf(shape) > 1) refuse(`constant of shape [${shape.join(',')}]`);
    const held = this.hold(() => {
      const value = tf.tensor(floats(constant), [...shape]);
      return shape.length === 4 ? tf.transpose(value, toNhwc) : value;
    });
    return () => held;
  }

  private convolution({ inputs, attrs }: Node & { op: 'conv2d' }): Operation {
    const [x, weightName, biasName, residual] = inputs as [string, string, string?, string?];
    const { stride, pads, groups, dilation, activation } = attrs;
    if (residual) refuse('residual of a convolution');
    const weight = this.constant(weightName);
    const [outputs, perGroup, rows, columns] = weight.shape as Quad;
    if (groups > 1 && perGroup > 1) refuse('grouped convolution');
    const depthwise = groups > 1;
    const filter = this.hold(() => {
      // [O,I,kh,kw] becomes [kh,kw,I,O]; of depthwise ones [C·multiplier,1,kh,kw] becomes [kh,kw,C,multiplier].
      const shape: Quad = depthwise
        ? [groups, outputs / groups, rows, columns]
        : [outputs, perGroup, rows, columns];
      const order = depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0];
      return tf.transpose(tf.tensor4d(floats(weight), shape), order);
    });
    const common = {
      filter,
      strides: stride,
      dilations: dilation,
      activation: activationOf(activation),
      ...this.bias(biasName),
    };
    const pad = paddingOf(pads);
    const of: (values: Values) => tf.Tensor4D = (values) => values.get(x) as tf.Tensor4D;
    if (!depthwise) return (values) => tf.fused.conv2d({ x: of(values), ...common, pad });
    if (typeof pad !== 'number') return refuse('depthwise convolution with unequal padding');
    return (values) => tf.fused.depthwiseConv2d({ x: of(values), ...common, pad });
  }

  private maxPool({ inputs, outputs, attrs }: Node & { op: 'max-pool' }): Operation {
    const [x] = inputs as [string];
    const [[, , height, width], [, , rows, columns]] = [
      this.shapeOf(x) as Quad,
      this.shapeOf(outputs[0] as string) as Quad,
    ];
    const { kernel, stride, pads, dilation } = attrs;
    if (dilation[0] * dilation[1] > 1) refuse('dilated pooling');
    // A last, partial window is one with more padding.
    const end = (count: number, axis: 0 | 1, size: number): number =>
      Math.max(
        pads[2 + axis] as number,
        (count - 1) * stride[axis] + kernel[axis] - pads[axis] - size,
      );
    const pad = paddingOf([pads[0], pads[1], end(rows, 0, height), end(columns, 1, width)]);
    return (values) => tf.maxPool(values.get(x) as tf.Tensor4D, kernel, stride, pad);
  }

  private linear({ inputs, attrs }: Node & { op: 'linear' }): Operation {
    const [x, weightName, biasName, residual] = inputs as [string, string, string?, string?];
    if (residual) refuse('residual of a linear layer');
    const weight = this.constant(weightName);
    // Transposed here: with `transposeB` tfjs-wasm 4.22 adds the bias once per block of 48 features.
    const b = this.hold(() =>
      tf.transpose(tf.tensor2d(floats(weight), weight.shape as [number, number])),
    );
    const more = { ...this.bias(biasName), activation: activationOf(attrs.activation) };
    return (values) => tf.fused.matMul({ a: values.get(x) as tf.Tensor2D, b, ...more });
  }

  private slice({ inputs, outputs, attrs }: Node & { op: 'slice' }): Operation {
    const [x] = inputs as [string];
    const [begin, steps] = [[0, 0, 0, 0] as Quad, [1, 1, 1, 1] as Quad];
    attrs.axes.forEach((axis, at) => {
      begin[axis] = attrs.starts[at] as number;
      steps[axis] = attrs.steps[at] as number;
    });
    if (!this.isMap(x) || Math.min(...begin) < 0 || Math.min(...steps) < 1) refuse('such slice');
    const end = this.shapeOf(outputs[0] as string).map(
      (size, axis) => (begin[axis] as number) + (size - 1) * (steps[axis] as number) + 1,
    );
    const ranges = [begin, end, steps].map(inNhwc) as [Quad, Quad, Quad];
    return (values) => tf.stridedSlice(values.get(x) as tf.Tensor4D, ...ranges);
  }

  private reshape({ inputs, outputs }: Node): Operation {
    const [x, y] = [inputs[0] as string, outputs[0] as string];
    const [, , rows, columns] = this.shapeOf(x);
    if (this.isMap(x) && (rows as number) * (columns as number) !== 1)
      refuse('reshape of maps, which are in another order');
    if (this.shapeOf(y).length === 4) this.plain.add(y);
    return (values) => tf.reshape(values.get(x) as tf.Tensor, this.shapeOf(y));
  }

  operation(node: Node): Operation {
    const [x, other] = node.inputs as [string, string];
    const of: Operation = (values) => values.get(x) as tf.Tensor;
    const axesOf = (axes: readonly number[]): number[] =>
      axes.map((axis) => (this.isMap(x) ? (axisOf.at(axis) as number) : axis));
    switch (node.op) {
      case 'conv2d':
        return this.convolution(node);
      case 'max-pool':
        return this.maxPool(node);
      case 'linear':
        return this.linear(node);
      case 'slice':
        return this.slice(node);
      case 'flatten':
      case 'reshape':
        return this.reshape(node);
      case 'relu':
        return (values) => tf.relu(of(values));
      case 'global-average-pool':
        return (values) => tf.mean(of(values), [1, 2], true);
      case 'add': {
        const [left, right] = [this.operand(x), this.operand(other)];
        const relu = activationOf(node.attrs.activation) === 'relu';
        return (values) => {
          const sum = tf.add(left(values), right(values));
          return relu ? tf.relu(sum) : sum;
        };
      }
      case 'mul':
      case 'div': {
        const [left, right] = [this.operand(x), this.operand(other)];
        const apply = tf[node.op];
        return (values) => apply(left(values), right(values));
      }
      case 'reduce': {
        if (node.attrs.kind !== 'mean') return refuse(`reduction by ${node.attrs.kind}`);
        const axes = axesOf(node.attrs.axes);
        return (values) => tf.mean(of(values), axes, node.attrs.keepDims);
      }
      case 'pad': {
        const { pads, mode, value } = node.attrs;
        if (mode !== 'constant' || !this.isMap(x)) return refuse(`padding of mode ${mode}`);
        const sides = inNhwc(
          toNhwc.map((_, axis) => [pads[axis], pads[axis + 4]] as [number, number]),
        );
        return (values) => tf.pad(of(values), sides, value);
      }
      case 'transpose':
        if (!this.isMap(x) || node.attrs.permutation.join() !== toNhwc.join())
          return refuse(`transposition to [${node.attrs.permutation.join()}]`);
        // What it asks for is how maps are stored.
        this.plain.add(node.outputs[0] as string);
        return of;
      case 'concat': {
        const [axis] = axesOf([node.attrs.axis]) as [number];
        return (values) =>
          tf.concat(
            node.inputs.map((name) => values.get(name) as tf.Tensor),
            axis,
          );
      }
      case 'softmax': {
        const [axis] = axesOf([node.attrs.axis]) as [number];
        return (values) => tf.softmax(of(values), axis);
      }
      default:
        return refuse(node.op);
    }
  }
}

/** A graph that TensorFlow.js runs. */
export interface TfjsNetwork {
  readonly run: (inputs: Tensors) => Record<string, Tensor>;
  readonly dispose: () => void;
}

/**
 * Makes the operations of a graph in {@link tfjsForm}, all of whose sizes are bound.
 * @throws UnsupportedError where it holds what isn't made.
 */
export function tfjsNetwork(graph: Graph): TfjsNetwork {
  const builder = new Builder(graph);
  const steps = graph.nodes.map((node) => ({
    output: node.outputs[0] as string,
    run: builder.operation(node),
  }));
  const results = (inputs: Tensors): tf.Tensor[] => {
    const values: Values = new Map();
    for (const [name, input] of Object.entries(inputs)) {
      const x = tf.tensor(floats(input), [...input.shape]);
      values.set(name, builder.isMap(name) ? tf.transpose(x, toNhwc) : x);
    }
    for (const { output, run } of steps) values.set(output, run(values));
    return graph.outputs.map((name) => {
      const value = values.get(name) as tf.Tensor;
      return builder.isMap(name) ? tf.transpose(value, toNchw) : value;
    });
  };
  return {
    run: (inputs) => {
      const outputs = tf.tidy(() => results(inputs));
      const read = graph.outputs.map((name, at): [string, Tensor] => [
        name,
        float32(builder.shapeOf(name), (outputs[at] as tf.Tensor).dataSync<'float32'>()),
      ]);
      tf.dispose(outputs);
      return Object.fromEntries(read);
    },
    dispose: () => tf.dispose(builder.held),
  };
}
