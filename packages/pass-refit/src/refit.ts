/** The `refit` pass: every linear segment fitted anew to the original network's responses, all its parts together. */
import {
  densePlan,
  fitOptions,
  layerMetrics,
  layerOf,
  meanBias,
  refineForRelu,
  sample,
  type Data,
  type Layer,
  type Metric,
} from '@decouple/decomposition';
import { applyPatch, isOp, type Graph, type Patch } from '@decouple/ir';
import { definePass } from '@decouple/pass-manager';
import { nextTurn } from '@decouple/tensor';
import { z } from 'zod';
import { lastSolver, refitJointly } from './joint.ts';
import { toRows, type Kernel } from './kernel.ts';
import { composed, densePatch, segmentsOf, weightsPatch, type Segment } from './segment.ts';

const { ridge, points, skip, relu } = fitOptions;
const options = z.strictObject({
  rounds: z.int().min(1).max(20).default(2).describe('alternations over the parts of a segment'),
  patch: z
    .int()
    .min(1)
    .default(2400)
    .describe(
      'elements of a patch (channels times taps) up to which a segment is refitted as a whole; of larger ones only the last convolution is',
    ),
  relu,
  ridge,
  points,
  skip,
});
type Options = z.output<typeof options>;

interface Refit {
  readonly patch: Patch;
  readonly error: number;
  readonly parts: number;
}

/** The segment's dense form as a layer, in the network that holds it. */
function denseForm(graph: Graph, segment: Segment): { graph: Graph; layer: Layer | string } {
  const dense = applyPatch(graph, densePatch(segment));
  const conv = dense.nodes.find(({ name }) => name === segment.last.name);
  return { graph: dense, layer: isOp(conv, 'conv2d') ? layerOf(dense, conv) : 'not a convolution' };
}

async function refitWhole(
  data: Data,
  graph: Graph,
  segment: Segment,
  given: Options,
): Promise<Refit | string> {
  const dense = denseForm(graph, segment);
  if (typeof dense.layer === 'string') return dense.layer;
  const rows = await sample(data, dense.graph, dense.layer, 'fit');
  const [metric] = (await layerMetrics(data, dense.layer, rows)) as [Metric];
  const { stages, error } = refitJointly(metric, segment.stages, given.rounds);
  const joint = { factors: stages, bias: meanBias(metric, toRows(composed(stages) as Kernel)) };
  const solver = given.relu > 0 ? lastSolver(metric, stages) : undefined;
  const whole = { layer: rows, firstPatch: 0, firstOutput: 0 };
  const { factors, bias } = solver
    ? await refineForRelu(metric, whole, joint, solver, given.relu)
    : joint;
  const patch = weightsPatch({ ...segment, stages: factors }, Float32Array.from(bias));
  return { patch, error, parts: stages.filter(({ groups }) => groups !== undefined).length };
}

async function refitLast(data: Data, graph: Graph, { last }: Segment): Promise<Refit | string> {
  const layer = layerOf(graph, last);
  if (typeof layer === 'string') return layer;
  const rows = await sample(data, graph, layer, 'fit');
  const metrics = await layerMetrics(data, layer, rows);
  const built = await densePlan(layer).build({ layer, metrics, rows, relu: 0, rounds: 0 });
  return { ...built, parts: 1 };
}

/** Elements of a patch of the segment's dense form. */
function patchSizeOf({ stages }: Segment): number {
  const [first] = stages as [Segment['stages'][number]];
  return stages.reduce(
    (size, { kernel }) => size * kernel.kernel[0] * kernel.kernel[1],
    first.kernel.inputs,
  );
}

export const refit = definePass({
  name: 'refit',
  summary:
    'Fits every convolution, and chains of them jointly, to the responses of the original network.',
  effect: 'approximate',
  options,
  statistics: {
    refitted: 'segments refitted',
    parts: 'convolutions in them',
  },
  needs: () => ['calibration'],
  async run(graph, given, context) {
    const { calibration, signal } = context;
    if (!calibration) return graph;
    const data: Data = {
      calibration,
      reference: graph,
      options: given,
      signal,
    };
    let current = graph;
    const segments = segmentsOf(graph);
    for (const [index, { last }] of segments.entries()) {
      await nextTurn(signal);
      context.progress(index, segments.length, `refitting ${last.name}`);
      const segment = segments[index] as Segment;
      const { name, origin, inputs, attrs } = last;
      const skipped = given.skip.includes(name) || given.skip.includes(origin);
      if (skipped || inputs[3] || attrs.activation) {
        context.note(
          name,
          skipped
            ? 'left alone by option skip'
            : 'the activation is already fused; run refit before fuse',
        );
        continue;
      }
      const joint = segment.stages.length > 1 && patchSizeOf(segment) <= given.patch;
      const result = await (joint
        ? refitWhole(data, current, segment, given)
        : refitLast(data, current, segment));
      if (typeof result === 'string') {
        context.note(name, result);
        continue;
      }
      context.count('refitted');
      context.count('parts', result.parts);
      context.detail({
        layer: origin,
        parts: result.parts,
        error: Number(result.error.toPrecision(3)),
      });
      current = context.rewrite(current, result.patch, name);
    }
    return current;
  },
});
