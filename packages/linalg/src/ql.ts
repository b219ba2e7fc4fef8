/**
 * Eigenvalues of a symmetric tridiagonal matrix by the implicit QL method with Wilkinson's shift.
 * (Bowdler, Martin, Reinsch and Wilkinson 1968; LAPACK `dsteqr`)
 */
import { DecoupleError } from '@decouple/tensor';

const maxSweeps = 60;

/** Receives the rotation z[i] ← c·z[i] − s·z[i+1], z[i+1] ← s·z[i] + c·z[i+1] of eigenvector rows. */
export type RotationSink = (row: number, cosine: number, sine: number) => void;

/**
 * Overwrites `d` (diagonal) by the eigenvalues, unordered, and destroys `e`; `e[k]` couples k − 1
 * and k. Applying all rotations in order to the rows of I gives the eigenvectors as rows.
 * @throws DecoupleError if an eigenvalue does not converge, as with NaN or Infinity.
 */
export function implicitQl(d: Float64Array, e: Float64Array, rotate: RotationSink): void {
  const n = d.length;
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  let norm = 0;
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i]!) + Math.abs(e[i]!));
  const negligible = (Number.EPSILON / 4) * norm; // below the rounding of the reduction before
  for (let first = 0; first < n; first++) {
    for (let sweeps = 0; ; sweeps++) {
      const last = endOfBlock(d, e, first, negligible);
      if (last === first) break;
      if (sweeps === maxSweeps)
        throw new DecoupleError(
          `eigenvalue ${first} of ${n} did not converge; check the matrix for NaN and Infinity`,
        );
      sweep(d, e, first, last, rotate);
    }
  }
}

/** The end of the unreduced block that starts at `first`. */
function endOfBlock(d: Float64Array, e: Float64Array, first: number, negligible: number): number {
  const n = d.length;
  let m = first;
  for (; m < n - 1; m++) {
    const local = Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!));
    if (Math.abs(e[m]!) <= Math.max(local, negligible)) break;
  }
  return m;
}

function sweep(
  d: Float64Array,
  e: Float64Array,
  first: number,
  last: number,
  rotate: RotationSink,
): void {
  const ratio = (d[first + 1]! - d[first]!) / (2 * e[first]!);
  const root = Math.sqrt(ratio * ratio + 1);
  let g = d[last]! - d[first]!;
  g += e[first]! / (ratio + (ratio >= 0 ? root : -root));
  let sine = 1;
  let cosine = 1;
  let shift = 0;
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      // The block falls apart here: undo the shift and let the caller start over.
      d[i + 1]! -= shift;
      e[last] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - shift;
    const turned = (d[i]! - g) * sine + 2 * cosine * b;
    shift = sine * turned;
    d[i + 1] = g + shift;
    g = cosine * turned - b;
    rotate(i, cosine, sine);
  }
  d[first]! -= shift;
  e[first] = g;
  e[last] = 0;
}
