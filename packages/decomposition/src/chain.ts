/**
 * A convolution replaced by convolutions one after the other. Only the last one has a bias: a bias in between would
 * not survive padding with zeros.
 */
import { makeNode, type Node, type NodeOf, type Patch } from '@decouple/ir';
import { float32, int64, invariant, sizeOf, type Tensor } from '@decouple/tensor';
import type { ConvSize } from './layer.ts';

type Spatial = Pick<NodeOf<'conv2d'>['attrs'], 'stride' | 'pads' | 'dilation'>;

/** One convolution of a chain. */
export interface Stage extends Partial<Spatial> {
  /** What it is: the node is called `<layer>/<role>`. */
  readonly role: string;
  /** `[O, I/g, kh, kw]` */
  readonly weight: Tensor<'float32'>;
  readonly groups?: number;
  /** Input channels that it reads, in order; all when absent. */
  readonly channels?: Int32Array;
}

/**
 * The patch that replaces `conv` by `stages`; the last one gives its value, with its residual and activation.
 * @param bias `[O]`, of the last stage.
 */
export function emitChain(
  conv: NodeOf<'conv2d'>,
  stages: readonly Stage[],
  bias: Float32Array | undefined,
): Patch {
  invariant(stages.length > 0, 'a chain has at least one convolution');
  const nodes: Node[] = [];
  const constants: [string, Tensor][] = [];
  const origin = { origin: conv.origin };
  let value = conv.inputs[0] as string;
  stages.forEach(({ role, weight, channels, groups = 1, ...spatial }, index) => {
    const name = `${conv.name}/${role}`;
    const last = index === stages.length - 1;
    if (channels) {
      const gather = `${name}/channels`;
      constants.push([`${gather}.indices`, int64([...channels])]);
      nodes.push(makeNode('gather', gather, [value, `${gather}.indices`], { axis: 1 }, origin));
      value = gather;
    }
    constants.push([`${name}.weight`, weight]);
    const inputs = [value, `${name}.weight`];
    if (last && bias) {
      constants.push([`${name}.bias`, float32([bias.length], bias)]);
      inputs.push(`${name}.bias`);
    }
    const residual = last ? conv.inputs[3] : undefined;
    if (residual) inputs.push(...(bias ? [] : ['']), residual);
    const attrs = { ...spatial, groups, ...(last ? { activation: conv.attrs.activation } : {}) };
    const outputs = last ? [conv.outputs[0] as string] : [name];
    nodes.push(makeNode('conv2d', name, inputs, attrs, { ...origin, outputs }));
    value = name;
  });
  return { remove: [conv.name], add: nodes, constants };
}

/** The shape of a stage: what it costs can be told from it. */
export interface StageOutline extends Partial<Spatial> {
  readonly role: string;
  /** Of the weight, `[O, I/g, kh, kw]`. */
  readonly shape: readonly number[];
  readonly groups?: number;
  /** Whether it reads input channels out of order or repeatedly. */
  readonly gathers?: boolean;
}

/** Zeros that all outlines share. */
let zeros = new Float32Array(0);
function zerosOf(shape: readonly number[]): Tensor<'float32'> {
  const size = sizeOf(shape);
  if (zeros.length < size) zeros = new Float32Array(size);
  return float32(shape, zeros.subarray(0, size));
}

/** The patch that replaces `conv` by a chain of this outline, with weights of zeros. */
export const outlineChain = (
  conv: NodeOf<'conv2d'>,
  stages: readonly StageOutline[],
  withBias: boolean,
): Patch =>
  emitChain(
    conv,
    stages.map(({ shape, gathers, ...stage }) => ({
      ...stage,
      weight: zerosOf(shape),
      ...(gathers ? { channels: new Int32Array((shape[1] as number) * (stage.groups ?? 1)) } : {}),
    })),
    withBias ? zerosOf([stages.at(-1)?.shape[0] ?? 0]).data : undefined,
  );

/** Rows and columns between a vertical convolution and the horizontal one behind it, or the other way round. */
export const areaBetween = (
  { input, output }: ConvSize,
  order: 'vertical-first' | 'horizontal-first',
): number => (order === 'vertical-first' ? output[0] * input[1] : input[0] * output[1]);
