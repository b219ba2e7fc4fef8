import { graphBuilder, interpret, type Graph } from '@decouple/ir';
import { createRandom, difference, float32, normals, sizeOf, type Tensor } from '@decouple/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { prepareNode } from '../src/node.ts';
import { kernelRowsOf, type ConvGeometry } from '../src/kernels/conv-shape.ts';

prepareNode();

const size = (max: number, min = 1) => fc.integer({ min, max });

test('kernel rows are those that meet the map', () => {
  fc.assert(
    fc.property(
      fc.record({ inRows: size(12), kernelRows: size(7), stride: size(3), dilation: size(3) }),
      size(9, 0),
      size(15, 0),
      ({ inRows, kernelRows, stride, dilation }, padTop, row) => {
        const geometry: ConvGeometry = {
          ...{ batch: 1, inRows, padTop, outRows: 16, outColumns: 4, groups: 1, channels: 1 },
          ...{ outChannels: 4, kernel: [kernelRows, 1] },
          ...{ stride: [stride, 1], dilation: [dilation, 1] },
        };
        const [first, end] = kernelRowsOf(geometry, row);
        const met = Array.from({ length: kernelRows }, (_, at) => at).filter((at) => {
          const from = row * stride - padTop + at * dilation;
          return from >= 0 && from < inRows;
        });
        expect(Array.from({ length: end - first }, (_, at) => first + at)).toEqual(met);
      },
    ),
  );
});

const values = (...shape: number[]): Tensor =>
  float32(shape, normals(createRandom(3), sizeOf(shape)));

/** More padding than the kernel is large: some outputs meet no input at all. */
test.each([
  [1, 1, [2, 2, 2, 2]],
  [1, 2, [5, 1, 3, 1]],
  [2, 1, [4, 1, 6, 1]],
  [3, 2, [7, 2, 0, 2]],
] as const)(
  'stride %i, dilation %i, pads %j, by rows and by panels',
  async (stride, dilation, pads) => {
    for (const [batch, channels, rows] of [
      [1, 8, 6],
      [3, 8, 2],
      [2, 200, 3],
    ] as const) {
      const b = graphBuilder('padded');
      const weight = b.constant('w', values(channels, channels, 3, 3));
      const x = b.input('x', [batch, channels, rows, 5]);
      const attrs = { pads: [...pads], stride: [stride, 1], dilation: [dilation, 1] } as const;
      const graph: Graph = b.build([b.node('conv2d', [x, weight], attrs as object, 'y')]);
      const inputs = { x: values(batch, channels, rows, 5) };
      const expected = interpret(graph, inputs)['y'] as Tensor;
      for (const options of [{}, { fma: false }]) {
        const executable = await cpu({ force: 'gemm', ...options }).compile(graph);
        const { y } = await executable.run(inputs);
        executable.dispose();
        expect(difference(y as Tensor, expected).maxRel).toBeLessThan(1e-5);
      }
    }
  },
);
