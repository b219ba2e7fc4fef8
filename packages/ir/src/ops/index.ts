/** The table of ops. To add one: its file, this table, its kernels; the rest is derived. */
import { abs } from './abs.ts';
import { add } from './add.ts';
import { argExtreme } from './arg-extreme.ts';
import { averagePool } from './average-pool.ts';
import { batchNormalization } from './batch-normalization.ts';
import { cast } from './cast.ts';
import { ceil } from './ceil.ts';
import { clip } from './clip.ts';
import { compare } from './compare.ts';
import { concat } from './concat.ts';
import { constantOfShape } from './constant-of-shape.ts';
import { convTranspose2d } from './conv-transpose2d.ts';
import { conv2d } from './conv2d.ts';
import { cumulativeSum } from './cumulative-sum.ts';
import { depthToSpace } from './depth-to-space.ts';
import { div } from './div.ts';
import { dropout } from './dropout.ts';
import { elu } from './elu.ts';
import { erf } from './erf.ts';
import { exp } from './exp.ts';
import { expand } from './expand.ts';
import { flatten } from './flatten.ts';
import { floor } from './floor.ts';
import { gatherElements } from './gather-elements.ts';
import { gatherNd } from './gather-nd.ts';
import { gather } from './gather.ts';
import { globalAveragePool } from './global-average-pool.ts';
import { hardSigmoid } from './hard-sigmoid.ts';
import { hardSwish } from './hard-swish.ts';
import { identity } from './identity.ts';
import { leakyRelu } from './leaky-relu.ts';
import { linear } from './linear.ts';
import { logSoftmax } from './log-softmax.ts';
import { log } from './log.ts';
import { logical } from './logical.ts';
import { lrn } from './lrn.ts';
import { matmul } from './matmul.ts';
import { maxPoolIndices } from './max-pool-indices.ts';
import { maxPool } from './max-pool.ts';
import { max } from './max.ts';
import { min } from './min.ts';
import { mod } from './mod.ts';
import { mul } from './mul.ts';
import { nonMaxSuppression } from './non-max-suppression.ts';
import { normalize } from './normalize.ts';
import { not } from './not.ts';
import { opaque } from './opaque.ts';
import { pad } from './pad.ts';
import { pow } from './pow.ts';
import { prelu } from './prelu.ts';
import { range } from './range.ts';
import { reduce } from './reduce.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { resize } from './resize.ts';
import { roiAlign } from './roi-align.ts';
import { round } from './round.ts';
import { scatterElements } from './scatter-elements.ts';
import { scatterNd } from './scatter-nd.ts';
import { selu } from './selu.ts';
import { shape } from './shape.ts';
import { sigmoid } from './sigmoid.ts';
import { sign } from './sign.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { softplus } from './softplus.ts';
import { sqrt } from './sqrt.ts';
import { squeeze } from './squeeze.ts';
import { sub } from './sub.ts';
import { tanh } from './tanh.ts';
import { topK } from './top-k.ts';
import { transpose } from './transpose.ts';
import { trigonometric } from './trigonometric.ts';
import { unsqueeze } from './unsqueeze.ts';
import { where } from './where.ts';

export const ops = {
  [conv2d.kind]: conv2d,
  [convTranspose2d.kind]: convTranspose2d,
  [linear.kind]: linear,
  [matmul.kind]: matmul,
  [batchNormalization.kind]: batchNormalization,
  [normalize.kind]: normalize,
  [lrn.kind]: lrn,
  [relu.kind]: relu,
  [leakyRelu.kind]: leakyRelu,
  [prelu.kind]: prelu,
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
  [sign.kind]: sign,
  [trigonometric.kind]: trigonometric,
  [softmax.kind]: softmax,
  [logSoftmax.kind]: logSoftmax,
  [add.kind]: add,
  [sub.kind]: sub,
  [mul.kind]: mul,
  [div.kind]: div,
  [mod.kind]: mod,
  [pow.kind]: pow,
  [min.kind]: min,
  [max.kind]: max,
  [compare.kind]: compare,
  [logical.kind]: logical,
  [not.kind]: not,
  [where.kind]: where,
  [maxPool.kind]: maxPool,
  [maxPoolIndices.kind]: maxPoolIndices,
  [averagePool.kind]: averagePool,
  [globalAveragePool.kind]: globalAveragePool,
  [reduce.kind]: reduce,
  [argExtreme.kind]: argExtreme,
  [topK.kind]: topK,
  [cumulativeSum.kind]: cumulativeSum,
  [concat.kind]: concat,
  [slice.kind]: slice,
  [pad.kind]: pad,
  [resize.kind]: resize,
  [depthToSpace.kind]: depthToSpace,
  [reshape.kind]: reshape,
  [flatten.kind]: flatten,
  [squeeze.kind]: squeeze,
  [unsqueeze.kind]: unsqueeze,
  [transpose.kind]: transpose,
  [expand.kind]: expand,
  [gather.kind]: gather,
  [gatherElements.kind]: gatherElements,
  [gatherNd.kind]: gatherNd,
  [scatterElements.kind]: scatterElements,
  [scatterNd.kind]: scatterNd,
  [shape.kind]: shape,
  [cast.kind]: cast,
  [identity.kind]: identity,
  [dropout.kind]: dropout,
  [constantOfShape.kind]: constantOfShape,
  [range.kind]: range,
  [nonMaxSuppression.kind]: nonMaxSuppression,
  [roiAlign.kind]: roiAlign,
  [opaque.kind]: opaque,
} as const;
