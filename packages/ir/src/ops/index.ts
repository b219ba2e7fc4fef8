/** The table of ops. To add one: its file, this table, its kernels; the rest is derived. */
import { abs } from './abs.ts';
import { add } from './add.ts';
import { averagePool } from './average-pool.ts';
import { batchNormalization } from './batch-normalization.ts';
import { cast } from './cast.ts';
import { ceil } from './ceil.ts';
import { clip } from './clip.ts';
import { concat } from './concat.ts';
import { constantOfShape } from './constant-of-shape.ts';
import { conv2d } from './conv2d.ts';
import { div } from './div.ts';
import { dropout } from './dropout.ts';
import { elu } from './elu.ts';
import { erf } from './erf.ts';
import { exp } from './exp.ts';
import { flatten } from './flatten.ts';
import { floor } from './floor.ts';
import { gather } from './gather.ts';
import { globalAveragePool } from './global-average-pool.ts';
import { hardSigmoid } from './hard-sigmoid.ts';
import { hardSwish } from './hard-swish.ts';
import { identity } from './identity.ts';
import { leakyRelu } from './leaky-relu.ts';
import { linear } from './linear.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { maxPool } from './max-pool.ts';
import { mul } from './mul.ts';
import { opaque } from './opaque.ts';
import { pad } from './pad.ts';
import { reduceMean } from './reduce-mean.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { round } from './round.ts';
import { selu } from './selu.ts';
import { shape } from './shape.ts';
import { sigmoid } from './sigmoid.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { softplus } from './softplus.ts';
import { sqrt } from './sqrt.ts';
import { squeeze } from './squeeze.ts';
import { sub } from './sub.ts';
import { tanh } from './tanh.ts';
import { transpose } from './transpose.ts';
import { unsqueeze } from './unsqueeze.ts';

export const ops = {
  [conv2d.kind]: conv2d,
  [linear.kind]: linear,
  [matmul.kind]: matmul,
  [batchNormalization.kind]: batchNormalization,
  [relu.kind]: relu,
  [leakyRelu.kind]: leakyRelu,
  [clip.kind]: clip,
  [sigmoid.kind]: sigmoid,
  [tanh.kind]: tanh,
  [hardSigmoid.kind]: hardSigmoid,
  [hardSwish.kind]: hardSwish,
  [elu.kind]: elu,
  [selu.kind]: selu,
  [softplus.kind]: softplus,
  [erf.kind]: erf,
  [exp.kind]: exp,
  [log.kind]: log,
  [sqrt.kind]: sqrt,
  [abs.kind]: abs,
  [floor.kind]: floor,
  [ceil.kind]: ceil,
  [round.kind]: round,
  [softmax.kind]: softmax,
  [add.kind]: add,
  [sub.kind]: sub,
  [mul.kind]: mul,
  [div.kind]: div,
  [maxPool.kind]: maxPool,
  [averagePool.kind]: averagePool,
  [globalAveragePool.kind]: globalAveragePool,
  [reduceMean.kind]: reduceMean,
  [concat.kind]: concat,
  [slice.kind]: slice,
  [pad.kind]: pad,
  [reshape.kind]: reshape,
  [flatten.kind]: flatten,
  [squeeze.kind]: squeeze,
  [unsqueeze.kind]: unsqueeze,
  [transpose.kind]: transpose,
  [gather.kind]: gather,
  [shape.kind]: shape,
  [cast.kind]: cast,
  [identity.kind]: identity,
  [dropout.kind]: dropout,
  [constantOfShape.kind]: constantOfShape,
  [opaque.kind]: opaque,
} as const;
