import { graphBuilder, type Graph, type GraphBuilder } from '@decouple/ir';
import { float32, zeros } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { planLayout, type Layout } from '../src/layout.ts';

const weight = (...shape: number[]) => zeros('float32', shape);

function layoutOf(outputs: (b: GraphBuilder) => readonly string[]): Layout {
  const b = graphBuilder('g');
  const graph: Graph = b.build(outputs(b));
  return planLayout(graph, graph.constants);
}

const storageOf = (layout: Layout, value: string) =>
  layout.storages[layout.views.get(value)?.address.buffer ?? -1];

describe('planLayout', () => {
  test('maps are NHWC, other ranks row-major', () => {
    const layout = layoutOf((b) => [b.input('x', [2, 3, 4, 5]), b.input('y', [2, 3, 4])]);
    expect(layout.views.get('x')?.strides).toEqual([60, 1, 15, 3]);
    expect(layout.views.get('y')?.strides).toEqual([12, 4, 1]);
  });

  test('the halo is the widest that windows reach', () => {
    const layout = layoutOf((b) => {
      const x = b.input('x', [1, 2, 6, 6]);
      const wide = b.node('conv2d', [x, b.constant('w', weight(1, 2, 5, 5))], {
        pads: [2, 2, 2, 2],
      });
      const strided = b.node('conv2d', [x, b.constant('v', weight(1, 2, 2, 2))], {
        pads: [0, 3, 9, 0],
        stride: [9, 9],
      });
      return [wide, strided];
    });
    // Padding 9 below is read by one window only: rows 9 and 10 of 6, that is 5 rows beyond the map.
    expect(storageOf(layout, 'x')?.halo).toEqual([2, 3, 5, 2]);
  });

  test('renaming shares storage only where the order of elements stays', () => {
    const layout = layoutOf((b) => {
      const x = b.input('x', [2, 3, 4, 4]);
      const pooled = b.node('global-average-pool', [x]);
      return [
        b.node('flatten', [pooled], { axis: 1 }, 'shared'),
        b.node('flatten', [x], { axis: 1 }, 'moved'),
      ];
    });
    expect(storageOf(layout, 'shared')).toBe(storageOf(layout, 'global-average-pool1'));
    expect(storageOf(layout, 'moved')).not.toBe(storageOf(layout, 'x'));
  });

  test('element-wise results overwrite a value at its last use', () => {
    const layout = layoutOf((b) => {
      const x = b.input('x', [1, 2, 4, 4]);
      const first = b.node('relu', [x], {}, 'first');
      const second = b.node('sigmoid', [first], {}, 'second');
      return [b.node('add', [first, second], {}, 'sum')];
    });
    expect(storageOf(layout, 'first')?.inPlaceOf).toBe(0);
    expect(storageOf(layout, 'second')?.inPlaceOf).toBeUndefined();
    expect(storageOf(layout, 'sum')?.inPlaceOf).toBeDefined();
  });

  test('a convolution does not overwrite a residual that is also its input', () => {
    const layout = layoutOf((b) => {
      const x = b.node('relu', [b.input('x', [1, 2, 4, 4])], {}, 'relu');
      const same = b.node('identity', [x], {}, 'same');
      const w = b.constant('w', weight(2, 2, 1, 1));
      return [b.node('conv2d', [x, w, b.constant('b', float32([2], [0, 0])), same], {}, 'y')];
    });
    expect(storageOf(layout, 'same')).toBe(storageOf(layout, 'relu'));
    expect(storageOf(layout, 'y')?.inPlaceOf).toBeUndefined();
  });
});
