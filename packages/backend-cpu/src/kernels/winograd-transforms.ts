/**
 * The transforms of Winograd's minimal filtering F(m×m, 3×3): y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A, with t = m + 2.
 * (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, sections 4.1-4.2.)
 *
 * F(2×2) interpolates at 0, ±1, ∞. F(4×4) does at 0, ±5/8, ±3/2, ∞: with the usual ±1, ±2 its rounding error is
 * three times larger; here it stays within twice that of the direct sum. All these constants are exact in float32.
 */
import { multiplyAdd } from '../emit/simd.ts';
import type { Emitter, Vector } from '../kernel.ts';

/** Rows and columns of outputs that a tile gives. */
export type TileSize = 2 | 4;

/** Rows and columns of inputs that a tile reads. */
export const reachOf = (tile: TileSize): number => tile + 2;

const [p, q] = [5 / 8, 3 / 2];
const [p2, q2] = [p * p, q * q];

/** Row i: what the weights g₀, g₁, g₂ contribute at point xᵢ, (1, x, x²) / Πⱼ (xᵢ - xⱼ). */
export const weightTransforms: Readonly<Record<TileSize, readonly (readonly number[])[]>> = {
  2: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ],
  4: [...weightsAt([0, p, -p, q, -q]), [0, 0, 1]],
};

function weightsAt(points: readonly number[]): number[][] {
  return points.map((x) => {
    const divisor = points.reduce((product, y) => (x === y ? product : product * (x - y)), 1);
    return [1 / divisor, x / divisor, (x * x) / divisor];
  });
}

/** Emits both transforms of one tile size, one line of vectors at a time. */
export class WinogradTransforms {
  private readonly f: Emitter;
  private readonly tile: TileSize;
  private readonly fma: boolean;
  private readonly constants = new Map<number, Vector>();
  private readonly spare: Vector[];

  /** Sets locals to the constants: make it where code runs once. */
  constructor(f: Emitter, tile: TileSize, fma: boolean) {
    this.f = f;
    this.tile = tile;
    this.fma = fma;
    this.spare = f.locals('v128', 2);
    if (tile === 4)
      for (const value of [p, q, -p2, -q2, p2 * q2, -(p2 + q2), p2, q2, p2 * p, q2 * q, -p, -q]) {
        const local = f.local('v128');
        f.f32x4(value).set(local);
        this.constants.set(value, local);
      }
  }

  /** Leaves result `index` of Bᵀ d, t inputs to t results. Results must be asked for in order. */
  input(d: readonly Vector[], index: number): void {
    if (this.tile === 2) this.input2(d, index);
    else this.input4(d, index);
  }

  /** Leaves result `index` of Aᵀ s, t products to m outputs; `s` is overwritten. In order, as for inputs. */
  output(s: readonly Vector[], index: number): void {
    if (this.tile === 2) this.output2(s, index);
    else this.output4(s, index);
  }

  private add(a: Vector, b: Vector): Emitter {
    return this.f.get(a).get(b).op('f32x4.add');
  }

  private sub(a: Vector, b: Vector): Emitter {
    return this.f.get(a).get(b).op('f32x4.sub');
  }

  private input2(d: readonly Vector[], index: number): void {
    const [d0, d1, d2, d3] = d as [Vector, Vector, Vector, Vector];
    if (index === 0) this.sub(d0, d2);
    else if (index === 1) this.add(d1, d2);
    else if (index === 2) this.sub(d2, d1);
    else this.sub(d1, d3);
  }

  private output2(s: readonly Vector[], index: number): void {
    const [s0, s1, s2, s3] = s as [Vector, Vector, Vector, Vector];
    if (index === 0) this.add(s0, s1).get(s2).op('f32x4.add');
    else this.sub(s1, s2).get(s3).op('f32x4.sub');
  }

  /** Sets `target` to `start` + Σ factor · vector. */
  private combine(
    target: Vector,
    start: Vector,
    ...terms: readonly (readonly [number, Vector])[]
  ): void {
    this.f.get(start).set(target);
    for (const [factor, vector] of terms)
      multiplyAdd(this.f, target, vector, this.constants.get(factor) as Vector, this.fma);
  }

  /**
   * Results at ±x are even ± x · odd, with even = d₄ - y² d₂ and odd = d₃ - y² d₁ (y the other point); those at 0 and
   * ∞ are p²q² d₀ - (p² + q²) d₂ + d₄ and the same one further on.
   */
  private input4(d: readonly Vector[], index: number): void {
    const [d0, d1, d2, d3, d4, d5] = d as [Vector, Vector, Vector, Vector, Vector, Vector];
    const [even, odd] = this.spare as [Vector, Vector];
    if (index === 0 || index === 5) {
      const [a, b, c] = index === 0 ? [d0, d2, d4] : [d1, d3, d5];
      this.combine(even, c, [-(p2 + q2), b], [p2 * q2, a]);
      this.f.get(even);
      return;
    }
    const [point, other] = index <= 2 ? [p, -q2] : [q, -p2];
    if (index % 2 === 1) {
      this.combine(even, d4, [other, d2]);
      this.combine(odd, d3, [other, d1]);
    }
    this.signed(even, odd, index % 2 === 1 ? point : -point);
  }

  /** Leaves a + factor · b. */
  private signed(a: Vector, b: Vector, factor: number): void {
    const constant = this.constants.get(factor) as Vector;
    if (this.fma) this.f.get(b).get(constant).get(a).op('f32x4.relaxed_madd');
    else this.f.get(a).get(b).get(constant).op('f32x4.mul', 'f32x4.add');
  }

  /** With sums and differences of the pairs at ±p and ±q: y₀, y₂ take the sums, y₁, y₃ the differences. */
  private output4(s: readonly Vector[], index: number): void {
    const { f } = this;
    const [s0, s1, s2, s3, s4, s5] = s as [Vector, Vector, Vector, Vector, Vector, Vector];
    if (index === 0) {
      const [differenceP, differenceQ] = this.spare as [Vector, Vector];
      this.sub(s1, s2).set(differenceP);
      this.add(s1, s2).set(s1);
      this.sub(s3, s4).set(differenceQ);
      this.add(s3, s4).set(s3);
      f.get(differenceP).set(s2).get(differenceQ).set(s4);
      this.add(s0, s1).get(s3).op('f32x4.add');
      return;
    }
    const [pair, factors] = [
      index === 2 ? ([s1, s3] as const) : ([s2, s4] as const),
      ([[], [p, q], [p2, q2], [p2 * p, q2 * q]] as const)[index] as readonly number[],
    ];
    const [low] = this.spare as [Vector];
    if (index === 3) this.combine(low, s5, [factors[0] as number, pair[0]]);
    else
      f.get(pair[0])
        .get(this.constants.get(factors[0] as number) as Vector)
        .op('f32x4.mul')
        .set(low);
    this.signed(low, pair[1], factors[1] as number);
  }
}
