/** A graph of convolutions, pools and matrix products on TensorFlow.js, with its fused kernels. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgl';
import type { Activation, Graph, Node } from '@decouple/ir';
import { floats, InvariantError, type Tensor } from '@decouple/tensor';

/** Starts the backend, whose sums are single precision as ours. */
export async function startTfjs(): Promise<string> {
  await tf.setBackend('webgl');
  await tf.ready();
  return `TensorFlow.js ${tf.version_core}, ${tf.getBackend()}, ${tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') ? 'float32' : 'float16'}`;
}

const activationOf = (activation: Activation): 'linear' | 'relu' | 'relu6' => {
  if (activation === null) return 'linear';
  if (activation.kind === 'relu') return 'relu';
  throw new InvariantError(`no ${activation.kind} here`);
};

type Values = Map<string, tf.Tensor>;

/** [O,I,kh,kw] as tfjs has filters: [kh,kw,I,O], or [kh,kw,C,multiplier] of depthwise ones. */
function filterOf(weight: Tensor, depthwise: boolean, channels: number): tf.Tensor4D {
  const [outputs, inputs, rows, columns] = weight.shape as [number, number, number, number];
  const data = floats(weight);
  if (!depthwise)
    return tf.transpose(tf.tensor4d(data, [outputs, inputs, rows, columns]), [2, 3, 1, 0]);
  return tf.transpose(
    tf.tensor4d(data, [channels, outputs / channels, rows, columns]),
    [2, 3, 0, 1],
  );
}

function convolution(node: Node & { op: 'conv2d' }, graph: Graph): (values: Values) => tf.Tensor {
  const { stride, pads, groups, activation } = node.attrs;
  const [x, weightName, biasName] = node.inputs as [string, string, string];
  const channels = graph.types.get(x)?.shape[1] as number;
  const depthwise = groups > 1;
  if (depthwise && groups !== channels) throw new InvariantError('TensorFlow.js has no groups');
  const filter = tf.keep(filterOf(graph.constants.get(weightName) as Tensor, depthwise, channels));
  const bias = biasName
    ? { bias: tf.tensor1d(floats(graph.constants.get(biasName) as Tensor)) }
    : {};
  const same = pads.some((pad) => pad > 0);
  const common = {
    filter,
    strides: stride,
    pad: same ? ('same' as const) : ('valid' as const),
    activation: activationOf(activation),
    ...bias,
  };
  const apply = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
  return (values) => apply({ x: values.get(x) as tf.Tensor4D, ...common });
}

function operation(node: Node, graph: Graph): (values: Values) => tf.Tensor {
  const [x] = node.inputs as [string];
  const of = (values: Values): tf.Tensor4D => values.get(x) as tf.Tensor4D;
  switch (node.op) {
    case 'conv2d':
      return convolution(node, graph);
    case 'max-pool':
      return (values) => tf.maxPool(of(values), node.attrs.kernel, node.attrs.stride, 'valid');
    case 'relu':
      return (values) => tf.relu(of(values));
    case 'flatten':
    case 'reshape':
      return (values) => {
        const [batch, rows, columns] = of(values).shape;
        if (rows * columns !== 1) throw new InvariantError('maps are flattened in another order');
        return tf.reshape(of(values), [batch, -1]);
      };
    case 'global-average-pool':
      return (values) => tf.mean(of(values), [1, 2], true);
    case 'reduce': {
      const axes = node.attrs.axes.map((axis) => [0, 3, 1, 2].at(axis) as number);
      if (node.attrs.kind !== 'mean') throw new InvariantError(`no ${node.attrs.kind} here`);
      return (values) => tf.mean(of(values), axes, node.attrs.keepDims);
    }
    case 'linear': {
      const weight = graph.constants.get(node.inputs[1] as string) as Tensor;
      const b = tf.tensor2d(floats(weight), weight.shape as [number, number]);
      const bias = tf.tensor1d(floats(graph.constants.get(node.inputs[2] as string) as Tensor));
      const activation = activationOf(node.attrs.activation);
      return (values) =>
        tf.fused.matMul({
          a: values.get(x) as tf.Tensor2D,
          b,
          transposeB: true,
          bias,
          activation,
        });
    }
    default:
      throw new InvariantError(`no ${node.op} here`);
  }
}

/** Runs a graph of one input and one output. */
export function tfjsNetwork(graph: Graph): (input: Tensor) => Float32Array {
  const steps = graph.nodes.map((node) => ({ node, run: operation(node, graph) }));
  const name = graph.inputs[0]?.name as string;
  const output = graph.outputs[0] as string;
  return (input) => {
    const result = tf.tidy(() => {
      const [batch, channels, rows, columns] = input.shape as [number, number, number, number];
      const x = tf.tensor4d(floats(input), [batch, channels, rows, columns]);
      const values: Values = new Map([[name, tf.transpose(x, [0, 2, 3, 1])]]);
      for (const { node, run } of steps) values.set(node.outputs[0] as string, run(values));
      return values.get(output) as tf.Tensor;
    });
    const data = result.dataSync<'float32'>();
    result.dispose();
    return data;
  };
}
