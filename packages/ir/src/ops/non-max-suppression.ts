/**
 * Per image and class, boxes by falling score, without those that overlap a chosen one by more than the threshold:
 * rows of (image, class, box). boxes [N,B,4] are corners in any order (y1, x1, y2, x2), or centre and size (x, y,
 * width, height); scores [N,classes,B]. The overlap is the area that two boxes share over the area they cover.
 */
import {
  float32,
  floats,
  int64,
  ModelError,
  numbersOf,
  type Random,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { defineOp, type InputTypes, type Sample } from '../define-op.ts';
import { randomFloats } from '../sampling.ts';
import { floatInput } from '../shapes.ts';
import { formatType } from '../types.ts';

const attrs = z.strictObject({
  centerPoint: z.boolean().default(false).describe('whether boxes are centre and size'),
});
type Attrs = z.output<typeof attrs>;

function infer(inputs: InputTypes): null[] {
  const [boxes, scores] = [floatInput(inputs[0], 'boxes', 3), floatInput(inputs[1], 'scores', 3)];
  if (boxes.shape[2] !== 4)
    throw new ModelError(`input 'boxes' must be [N,boxes,4], got ${formatType(boxes)}`);
  const agree = (a: unknown, b: unknown): boolean => typeof a !== typeof b || a === b;
  if (!agree(boxes.shape[0], scores.shape[0]) || !agree(boxes.shape[1], scores.shape[2]))
    throw new ModelError(`boxes ${formatType(boxes)} and scores ${formatType(scores)} don't fit`);
  return [null];
}

/** Least and greatest y and x. */
type Box = readonly [number, number, number, number];

function boxAt(data: Float32Array, at: number, centerPoint: boolean): Box {
  const [a, b, c, d] = data.subarray(at, at + 4) as unknown as Box;
  if (centerPoint) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

const area = ([top, left, bottom, right]: Box): number =>
  Math.max(0, bottom - top) * Math.max(0, right - left);

function overlap(a: Box, b: Box): number {
  const shared = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  const covered = area(a) + area(b) - shared;
  return shared > 0 && covered > 0 ? shared / covered : 0;
}

/** Indices of the boxes to keep, best first. */
function choose(
  boxes: readonly Box[],
  scores: Float32Array,
  limits: { readonly count: number; readonly overlap: number; readonly score: number },
): number[] {
  const kept: number[] = [];
  const order = boxes
    .map((_, at) => at)
    .filter((at) => (scores[at] as number) > limits.score)
    .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  for (const at of order) {
    if (kept.length >= limits.count) break;
    const box = boxes[at] as Box;
    if (kept.every((other) => overlap(boxes[other] as Box, box) <= limits.overlap)) kept.push(at);
  }
  return kept;
}

function reference(inputs: readonly (Tensor | undefined)[], { centerPoint }: Attrs): Tensor[] {
  const [boxes, scores, ...given] = inputs as [Tensor, Tensor, ...(Tensor | undefined)[]];
  const [count, most, least] = given.map((value) => value && numbersOf(value)[0]);
  const limits = { count: count ?? 0, overlap: most ?? 0, score: least ?? -Infinity };
  const [batch, classes, perClass] = scores.shape as [number, number, number];
  const [places, values] = [floats(boxes, 'boxes'), floats(scores, 'scores')];
  const rows: number[] = [];
  for (let n = 0; n < batch; n++) {
    const all = Array.from({ length: perClass }, (_, at) =>
      boxAt(places, (n * perClass + at) * 4, centerPoint),
    );
    for (let c = 0; c < classes; c++) {
      const first = (n * classes + c) * perClass;
      const kept = choose(all, values.subarray(first, first + perClass), limits);
      for (const at of kept) rows.push(n, c, at);
    }
  }
  return [int64(rows, [rows.length / 3, 3])];
}

function samples(random: Random): Sample<Attrs>[] {
  const scalar = (value: number): Tensor => float32([1], [value]);
  const sample = (
    name: string,
    [batch, classes, count]: [number, number, number],
    limits: (Tensor | undefined)[],
    centerPoint = false,
  ): Sample<Attrs> => ({
    name,
    inputs: [
      randomFloats(random, [batch, count, 4]),
      randomFloats(random, [batch, classes, count]),
      ...limits,
    ],
    attrs: { centerPoint },
  });
  return [
    sample('one box', [1, 1, 1], [int64([3])]),
    sample('two images, three classes', [2, 3, 12], [int64([5]), scalar(0.3), scalar(-0.5)]),
    sample('centre and size', [1, 2, 12], [int64([20]), scalar(0.2)], true),
    sample('scores too low', [1, 1, 4], [int64([4]), scalar(0.5), scalar(100)]),
    sample('none asked for', [1, 1, 4], []),
  ];
}

export const nonMaxSuppression = defineOp({
  kind: 'non-max-suppression',
  doc: 'Boxes [N,B,4] by falling scores [N,classes,B] without overlapping ones, as int64 rows of (image, class, box); their count is known only when run.',
  inputs: [
    { name: 'boxes' },
    { name: 'scores' },
    { name: 'maxPerClass', optional: true },
    { name: 'overlapThreshold', optional: true },
    { name: 'scoreThreshold', optional: true },
  ],
  attrs,
  infer,
  reference,
  samples,
});
