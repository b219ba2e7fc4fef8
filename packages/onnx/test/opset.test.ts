/** The operator set of a file when none is asked for: 13, or the oldest later one that has a form of every node. */
import { graphBuilder, type AttrsInput, type OpKind } from '@decouple/ir';
import { int64, zeros, type Tensor } from '@decouple/tensor';
import { expect, it } from 'vitest';
import { exportOnnx, importOnnx } from '../src/index.ts';
import { decodeModel } from '../src/proto.ts';

interface Case {
  readonly op: OpKind;
  readonly attrs?: unknown;
  readonly x?: Tensor;
  readonly more?: readonly Tensor[];
}

const map = zeros('float32', [1, 4, 6, 6]);
const larger = { axes: [2, 3], sizes: [12, 12] };
const regions = [zeros('float32', [1, 4]), int64([0])];

const cases: readonly (readonly [string, number, Case])[] = [
  ['relu', 13, { op: 'relu' }],
  ['hard-swish, which older sets unfold', 14, { op: 'hard-swish' }],
  ['average-pool', 13, { op: 'average-pool', attrs: { kernel: [2, 2] } }],
  [
    'average-pool with dilation',
    19,
    { op: 'average-pool', attrs: { kernel: [2, 2], dilation: [2, 1] } },
  ],
  ['max-pool with dilation', 13, { op: 'max-pool', attrs: { kernel: [2, 2], dilation: [2, 1] } }],
  ['pad that wraps', 19, { op: 'pad', attrs: { mode: 'wrap', pads: [0, 0, 1, 1, 0, 0, 1, 1] } }],
  ['pad', 13, { op: 'pad', attrs: { mode: 'edge', pads: [0, 0, 1, 1, 0, 0, 1, 1] } }],
  [
    'roi-align at half pixels',
    16,
    { op: 'roi-align', attrs: { output: [2, 2], halfPixel: true }, more: regions },
  ],
  [
    'roi-align at whole pixels',
    13,
    { op: 'roi-align', attrs: { output: [2, 2], halfPixel: false }, more: regions },
  ],
  ['resize', 13, { op: 'resize', attrs: larger }],
  [
    'resize with antialias',
    18,
    { op: 'resize', attrs: { ...larger, mode: 'linear', antialias: true } },
  ],
  [
    'resize about the middle',
    19,
    { op: 'resize', attrs: { ...larger, coordinates: 'half_pixel_symmetric' } },
  ],
  [
    'reshape to no elements',
    14,
    { op: 'reshape', attrs: { shape: [2, 0], allowZero: true }, x: zeros('float32', [0, 3]) },
  ],
  [
    'add of small whole numbers',
    14,
    { op: 'add', x: zeros('uint8', [2]), more: [zeros('uint8', [2])] },
  ],
];

it.each(cases)('%s: %i', (_name, opset, { op, attrs, x = map, more = [] }) => {
  const b = graphBuilder('net');
  const inputs = [x, ...more].map(({ dtype, shape }, place) => b.input(`x${place}`, shape, dtype));
  const graph = b.build([b.node(op, inputs, attrs as AttrsInput<OpKind>)]);
  const bytes = exportOnnx(graph);
  expect(decodeModel(bytes, 'net.onnx').opsetImport).toMatchObject([
    { domain: '', version: BigInt(opset) },
  ]);
  expect(importOnnx(bytes).warnings).toEqual([]);
});

it('takes what all nodes need', () => {
  const b = graphBuilder('net');
  const x = b.node('hard-swish', [b.input('x', [1, 4, 6, 6])]);
  const wrapped = b.node('pad', [x], { mode: 'wrap', pads: [0, 0, 1, 1, 0, 0, 1, 1] });
  const y = b.node('resize', [wrapped], { ...larger, mode: 'linear', antialias: true });
  const graph = b.build([y]);
  expect(exportOnnx(graph)).toEqual(exportOnnx(graph, { opset: 19 }));
  expect(() => exportOnnx(graph, { opset: 18 })).toThrow(/needs operator set 19/);
});
