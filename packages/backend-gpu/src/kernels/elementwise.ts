/** Arithmetic and activations, element by element. */
import type { OneOf } from '@decouple/backend';
import { float32, type Tensor } from '@decouple/tensor';
import type { NodeOf } from '@decouple/ir';
import {
  activate,
  hosted,
  type Delegation,
  type KernelContext,
  type KernelPlan,
} from '../kernel.ts';
import { literal, type Coordinate, type Writer } from '../writer.ts';

type UnaryKind =
  | 'relu'
  | 'leaky-relu'
  | 'clip'
  | 'sigmoid'
  | 'tanh'
  | 'hard-sigmoid'
  | 'hard-swish'
  | 'exp'
  | 'elu'
  | 'selu'
  | 'softplus'
  | 'erf'
  | 'log'
  | 'sign'
  | 'sqrt'
  | 'abs'
  | 'floor'
  | 'ceil'
  | 'round';
type BinaryKind = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/** Exponents beyond are cut off, lest GLSL give no number: e⁸⁰ ≈ 5·10³⁴. */
const cut = 80;

/** eˣ - 1 for x < 0, by its series near 0, where the difference would cancel. */
const belowZero = (x: string): string =>
  `(${x} > (-0.1) ? ${x} * (1 + ${x} * (0.5 + ${x} * (1 / 6 + ${x} * (1 / 24 + ${x} / 120)))) : Math.exp(${x}) - 1)`;

/** The error function by Abramowitz and Stegun 7.1.26, within 1.5·10⁻⁷. */
function errorFunction(w: Writer, x: string): string {
  const size = w.let(`Math.abs(${x})`);
  const t = w.let(`1 / (1 + 0.3275911 * ${size})`);
  const polynomial = `(((((1.061405429 * ${t} + (-1.453152027)) * ${t}) + 1.421413741) * ${t} + (-0.284496736)) * ${t} + 0.254829592) * ${t}`;
  const value = w.let(`1 - ${polynomial} * Math.exp(Math.max(${size} * ${size} * (-1), ${-cut}))`);
  return `(${x} < 0 ? ${value} * (-1) : ${value})`;
}

/** To the nearest whole number, to the even one of two. */
function rounded(w: Writer, x: string): string {
  const up = w.let(`Math.floor(${x} + 0.5)`);
  const odd = w.let(`${up} - 2 * Math.floor(${up} * 0.5)`);
  return `((${up} - ${x} > 0.4999999 && ${odd} > 0.5) ? ${up} - 1 : ${up})`;
}

const hardSigmoid = (x: string, alpha: number, beta: number): string =>
  `Math.min(Math.max(${literal(alpha)} * ${x} + ${literal(beta)}, 0), 1)`;

/** The function of a node applied to a named number. */
function apply(w: Writer, node: OneOf<UnaryKind>, x: string): string {
  switch (node.op) {
    case 'relu':
      return activate({ kind: 'relu' }, x);
    case 'leaky-relu':
      return activate({ kind: 'leaky-relu', alpha: node.attrs.alpha }, x);
    case 'clip':
      return activate({ kind: 'clip', min: node.attrs.min, max: node.attrs.max }, x);
    case 'sigmoid':
      return `1 / (1 + Math.exp(Math.min(${x} * (-1), ${cut})))`;
    case 'tanh':
      return `Math.tanh(Math.min(Math.max(${x}, -15), 15))`;
    case 'hard-sigmoid':
      return hardSigmoid(x, node.attrs.alpha, node.attrs.beta);
    case 'hard-swish':
      return `${x} * ${hardSigmoid(x, 1 / 6, 0.5)}`;
    case 'elu':
      return `(${x} < 0 ? ${literal(node.attrs.alpha)} * ${belowZero(x)} : ${x})`;
    case 'selu':
      return `${literal(node.attrs.gamma)} * (${x} < 0 ? ${literal(node.attrs.alpha)} * ${belowZero(x)} : ${x})`;
    case 'softplus':
      return `Math.max(${x}, 0) + Math.log(1 + Math.exp(Math.abs(${x}) * (-1)))`;
    case 'erf':
      return errorFunction(w, x);
    case 'sign':
      return `(${x} > 0 ? 1 : (${x} < 0 ? -1 : 0))`;
    case 'round':
      return rounded(w, x);
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'abs':
    case 'floor':
    case 'ceil':
      return `Math.${node.op}(${x})`;
  }
}

export function unary(node: OneOf<UnaryKind>, context: KernelContext): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  if (!context.storage(input) || !context.storage(output)) return hosted;
  const w = context.writer(output);
  const lanes = w.read(input, w.own()).map((x) => w.let(apply(w, node, w.let(x))));
  return { kernel: node.op, launches: [w.launch(lanes)] };
}

/** The thread's place as one in an operand that is broadcast to the result. */
export function broadcast(w: Writer, operand: string): Coordinate[] {
  const { shape } = w.storageOf(operand);
  const shift = w.storage.shape.length - shape.length;
  const own = w.own();
  return shape.map((size, axis) => (size === 1 ? '0' : (own[axis + shift] as Coordinate)));
}

function pairwise(
  node: {
    readonly op: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  },
  context: KernelContext,
  combine: (a: string, b: string) => string,
): KernelPlan | Delegation {
  const [a, b] = node.inputs as readonly [string, string];
  const output = node.outputs[0] as string;
  if (![a, b, output].every((value) => context.storage(value))) return hosted;
  const w = context.writer(output);
  const left = w.read(a, broadcast(w, a));
  const right = w.read(b, broadcast(w, b));
  const lanes = left.map((x, lane) => w.let(combine(x, right[lane] as string)));
  return { kernel: node.op, launches: [w.launch(lanes)] };
}

const operators: Readonly<Record<BinaryKind, (a: string, b: string) => string>> = {
  add: (a, b) => `${a} + ${b}`,
  sub: (a, b) => `${a} - ${b}`,
  mul: (a, b) => `${a} * ${b}`,
  div: (a, b) => `${a} / ${b}`,
  min: (a, b) => `Math.min(${a}, ${b})`,
  max: (a, b) => `Math.max(${a}, ${b})`,
};

export function binary(node: OneOf<BinaryKind>, context: KernelContext): KernelPlan | Delegation {
  const plain = operators[node.op];
  const activation = node.op === 'add' ? node.attrs.activation : null;
  return pairwise(node, context, (a, b) =>
    activation ? activate(activation, `(${plain(a, b)})`) : plain(a, b),
  );
}

/** x where x ≥ 0, else slope · x. */
export const prelu = (node: NodeOf<'prelu'>, context: KernelContext): KernelPlan | Delegation =>
  pairwise(node, context, (x, slope) => `(${x} < 0 ? ${x} * ${slope} : ${x})`);

/** factor · x + (bias - factor · mean) with factor = scale / √(variance + ε). */
export function batchNormalization(
  node: NodeOf<'batch-normalization'>,
  context: KernelContext,
): KernelPlan | Delegation {
  const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
  if (!context.storage(input) || !context.storage(output)) return hosted;
  const parameters = node.inputs.slice(1).map((value) => context.constant(value));
  if (parameters.some((value) => !value)) return { delegate: 'parameters are computed' };
  const [scale, bias, mean, variance] = (parameters as Tensor<'float32'>[]).map(
    ({ data }) => data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = scale.map(
    (value, channel) => value / Math.sqrt((variance[channel] as number) + node.attrs.epsilon),
  );
  const offsets = bias.map(
    (value, channel) => value - (factors[channel] as number) * (mean[channel] as number),
  );
  const w = context.writer(output);
  const [factor, offset] = [factors, offsets].map((data) =>
    w.read(context.define(float32([data.length], data)), [{ offset: 0 }]),
  ) as [string[], string[]];
  const lanes = w.read(input, w.own()).map((x, lane) => `${x} * ${factor[lane]} + ${offset[lane]}`);
  return { kernel: node.op, launches: [w.launch(lanes)] };
}
