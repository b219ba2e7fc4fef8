/** A small residual network with everything that drawings tell apart. */
import { createRandom, float32, graphBuilder, normals, type Graph, type Random } from 'decouple';

/** Weights of a name of one's own in a network of 8×8 images: convolution, residual block, pooling, linear layer. */
export function residualNetwork(first = 'stem'): Graph {
  const random: Random = createRandom(1);
  const b = graphBuilder('residual');
  const weight = (name: string, shape: readonly number[]): string =>
    b.constant(
      name,
      float32(
        shape,
        normals(
          random,
          shape.reduce((product, dim) => product * dim, 1),
          0.2,
        ),
      ),
    );
  const pads = [1, 1, 1, 1] as const;
  const x = b.input('input', ['N', 3, 8, 8]);
  const stem = b.node('conv2d', [x, weight('w0', [8, 3, 3, 3])], { pads: [...pads] }, first);
  const active = b.node('relu', [stem], {}, 'stem_relu');
  const depthwise = b.node(
    'conv2d',
    [active, weight('w1', [8, 1, 3, 3])],
    { pads: [...pads], groups: 8 },
    'depthwise',
  );
  const pointwise = b.node('conv2d', [depthwise, weight('w2', [8, 8, 1, 1])], {}, 'pointwise');
  const sum = b.node('add', [pointwise, active], {}, 'sum');
  const pooled = b.node('global-average-pool', [sum], {}, 'pool');
  const flat = b.node('flatten', [pooled], {}, 'flat');
  return b.build([b.node('linear', [flat, weight('w3', [6, 8])], {}, 'logits')]);
}
