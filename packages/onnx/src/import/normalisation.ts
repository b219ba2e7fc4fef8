/**
 * Normalisation. All of it but batch and local response normalisation is `normalize` over some axes, then scale and
 * offset. Not handled (stay opaque): training forms.
 */
import { float32, numbersOf } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';

const spatialAxes = (rank: number, from: number): number[] =>
  Array.from({ length: rank - from }, (_, axis) => from + axis);

const batchNormalization: Importer = (call) => {
  call.attrs.ignore('momentum');
  if (call.attrs.integer('training_mode', 0) !== 0) return 'training mode';
  if (call.opset < 7 && call.attrs.integer('is_test', 0) === 0) return 'training mode';
  if (call.attrs.integer('spatial', 1) !== 1) return 'statistics per position (spatial = 0)';
  if (call.outputs.slice(1).some(Boolean)) return 'training outputs are used';
  call.result('batch-normalization', call.inputs, { epsilon: call.attrs.float('epsilon', 1e-5) });
};

/** A factor or addend that the layer has learnt, aligned with the normalised value. */
interface Learnt {
  readonly op: 'mul' | 'add';
  readonly index: number;
  /** Axes of size 1 after the input's own. */
  readonly trailing: number;
}

/** The input of a factor or addend, unless it is constant and changes nothing. */
function learntValue(call: Call, { op, index, trailing }: Learnt): string | undefined {
  if (!call.has(index)) return undefined;
  const known = call.constant(index);
  const neutral = op === 'mul' ? 1 : 0;
  if (known?.dtype === 'float32' && numbersOf(known).every((value) => value === neutral))
    return undefined;
  const name = call.inputs[index] as string;
  const rank = call.typeOf(index)?.shape.length ?? 1;
  const axes = Array.from({ length: trailing }, (_, axis) => rank + axis);
  const role = op === 'mul' ? 'scale' : 'offset';
  return trailing ? call.step(role, 'unsqueeze', [name], { axes }) : name;
}

/** The value times and plus what the layer has learnt; the last op makes the call's result. */
function withLearnt(call: Call, value: string, all: readonly Learnt[]): void {
  const used = all.flatMap((one) => {
    const name = learntValue(call, one);
    return name === undefined ? [] : [{ op: one.op, name }];
  });
  const last = used.pop();
  if (!last) return call.result('identity', [value], {});
  const before = used.reduce(
    (result, { op, name }) => call.step('scaled', op, [result, name], {}),
    value,
  );
  call.result(last.op, [before, last.name], {});
}

const instanceNormalization: Importer = (call) => {
  const rank = call.typeOf(0)?.shape.length;
  if (rank === undefined) return 'the rank of the input is unknown';
  const attrs = { axes: spatialAxes(rank, 2), epsilon: call.attrs.float('epsilon', 1e-5) };
  const value = call.step('normal', 'normalize', [call.inputs[0] as string], attrs);
  withLearnt(call, value, [
    { op: 'mul', index: 1, trailing: rank - 2 },
    { op: 'add', index: 2, trailing: rank - 2 },
  ]);
};

/** Mean and inverse deviation in steps, for models that use them; the normalised value. */
function withStatistics(call: Call, axes: number[], epsilon: number): string {
  const x = call.inputs[0] as string;
  const over = { kind: 'mean', axes, keepDims: true } as const;
  const mean = call.step('mean', 'reduce', [x], over);
  const centred = call.step('centred', 'sub', [x, mean], {});
  const squares = call.step('squares', 'mul', [centred, centred], {});
  const variance = call.step('variance', 'reduce', [squares], over);
  const bias = call.define('epsilon', float32([], [epsilon]));
  const deviation = call.step(
    'deviation',
    'sqrt',
    [call.step('sum', 'add', [variance, bias], {})],
    {},
  );
  const inverse = call.step(
    'inverse',
    'div',
    [call.define('one', float32([], [1])), deviation],
    {},
  );
  if (call.outputs[1]) call.result('identity', [mean], {}, 1);
  if (call.outputs[2]) call.result('identity', [inverse], {}, 2);
  return call.step('normal', 'mul', [centred, inverse], {});
}

const layerNormalization: Importer = (call) => {
  call.attrs.ignore('stash_type');
  const rank = call.typeOf(0)?.shape.length;
  if (rank === undefined) return 'the rank of the input is unknown';
  const axis = call.attrs.integer('axis', -1);
  const axes = spatialAxes(rank, axis < 0 ? axis + rank : axis);
  const epsilon = call.attrs.float('epsilon', Math.fround(1e-5));
  const center = call.opType === 'LayerNormalization';
  const value =
    call.outputs[1] || call.outputs[2]
      ? withStatistics(call, axes, epsilon)
      : call.step('normal', 'normalize', [call.inputs[0] as string], { axes, epsilon, center });
  withLearnt(call, value, [
    { op: 'mul', index: 1, trailing: 0 },
    { op: 'add', index: 2, trailing: 0 },
  ]);
};

const groupNormalization: Importer = (call) => {
  call.attrs.ignore('stash_type');
  const shape = call.typeOf(0)?.shape;
  if (!shape) return 'the shape of the input is unknown';
  const groups = call.attrs.integer('num_groups', 1);
  const epsilon = call.attrs.float('epsilon', 1e-5);
  const rows = call.step('groups', 'reshape', [call.inputs[0] as string], {
    shape: [0, groups, -1],
  });
  const normal = call.step('normal', 'normalize', [rows], { axes: [2], epsilon });
  const back = { shape: [0, ...shape.slice(1)] };
  // Before operator set 21 scale and offset were per group.
  if (call.opset < 21) {
    let value = normal;
    for (const [place, op] of (['mul', 'add'] as const).entries()) {
      const learnt = learntValue(call, { op, index: place + 1, trailing: 1 });
      if (learnt) value = call.step(`learnt${place}`, op, [value, learnt], {});
    }
    return call.result('reshape', [value], back);
  }
  const trailing = shape.length - 2;
  withLearnt(call, call.step('channels', 'reshape', [normal], back), [
    { op: 'mul', index: 1, trailing },
    { op: 'add', index: 2, trailing },
  ]);
};

const meanVarianceNormalization: Importer = (call) => {
  const axes = call.attrs.integers('axes') ?? [0, 2, 3];
  // The definition adds 1e-9 to the deviation, which is 1e-18 in the variance.
  call.result('normalize', call.inputs, { axes, epsilon: 1e-18 });
};

/** The smallest normal float32: rows of zeros stay zeros. */
const tiny = 2 ** -126;

const lpNormalization: Importer = (call) => {
  const [axis, p] = [call.attrs.integer('axis', -1), call.attrs.integer('p', 2)];
  const x = call.inputs[0] as string;
  const shape = call.typeOf(0)?.shape;
  const size = shape?.[axis < 0 ? axis + shape.length : axis];
  if (typeof size !== 'number') return 'the size of the axis is unknown';
  const factor = call.define('factor', float32([], [p === 2 ? 1 / Math.sqrt(size) : 1 / size]));
  if (p === 2) {
    const attrs = { axes: [axis], epsilon: tiny, center: false };
    const normal = call.step('normal', 'normalize', [x], attrs);
    return call.result('mul', [normal, factor], {});
  }
  if (p !== 1) return `p = ${p}`;
  const mean = call.step('mean', 'reduce', [call.step('absolute', 'abs', [x], {})], {
    kind: 'mean',
    axes: [axis],
    keepDims: true,
  });
  const safe = call.step('safe', 'add', [mean, call.define('tiny', float32([], [tiny]))], {});
  call.result('mul', [call.step('quotient', 'div', [x, safe], {}), factor], {});
};

const lrn: Importer = (call) =>
  call.result('lrn', call.inputs, {
    size: call.attrs.integer('size', 0),
    alpha: call.attrs.float('alpha', 1e-4),
    beta: call.attrs.float('beta', 0.75),
    bias: call.attrs.float('bias', 1),
  });

export const normalisation: Readonly<Record<string, Importer>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  LpNormalization: lpNormalization,
  LRN: lrn,
};
