/**
 * Matrix products. A constant right factor makes a `linear` layer, y = x·Wᵀ + b; scale factors and transpositions
 * of Gemm, y = α·A'·B' + β·C, are folded into its constants. Otherwise the product is spelled out as `matmul`; a
 * transposed A always is a `transpose`.
 */
import { float32, isFloat32, type Tensor } from '@decouple/tensor';
import type { Call, Importer } from './call.ts';

function transposed(value: Tensor<'float32'>): Tensor<'float32'> {
  const [rows, columns] = value.shape as [number, number];
  const out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = value.data[row * columns + column] as number;
  return float32([columns, rows], out);
}

const scaled = (value: Tensor<'float32'>, factor: number): Tensor<'float32'> =>
  factor === 1
    ? value
    : float32(
        value.shape,
        value.data.map((element) => factor * element),
      );

/** A constant matrix, or `undefined`. */
function matrixAt(call: Call, index: number): Tensor<'float32'> | undefined {
  const value = call.constant(index);
  return value && isFloat32(value) && value.shape.length === 2 ? value : undefined;
}

/** C as the bias of `outputs` values, if it is constant and the same for every row. */
function biasOf(call: Call, beta: number, outputs: number): string | undefined {
  const value = call.constant(2);
  if (!value || !isFloat32(value)) return undefined;
  const perRow = value.shape.length < 2 || (value.shape.length === 2 && value.shape[0] === 1);
  const size = value.data.length;
  if (!perRow || (size !== outputs && size !== 1)) return undefined;
  if (beta === 1 && value.shape.length === 1 && size === outputs) return call.inputs[2];
  const data = Float32Array.from(
    { length: outputs },
    (_, index) => beta * (value.data[size === 1 ? 0 : index] as number),
  );
  return call.define('bias', float32([outputs], data));
}

/** The product A·B' alone or with a bias; the last of these nodes is the result unless more follows. */
function addend(call: Call, beta: number): string {
  const c = call.inputs[2] as string;
  if (beta === 1) return c;
  return call.step('scaled-addend', 'mul', [c, call.define('beta', float32([], [beta]))], {});
}

function leftFactor(call: Call): string {
  const a = call.inputs[0] as string;
  if (call.attrs.integer('transA', 0) === 0) return a;
  return call.step('left', 'transpose', [a], { permutation: [1, 0] });
}

function gemmByConstant(call: Call, matrix: Tensor<'float32'>, alpha: number, beta: number): void {
  const straight = call.attrs.integer('transB', 0) !== 0;
  const weight = scaled(straight ? matrix : transposed(matrix), alpha);
  const name = weight === matrix ? (call.inputs[1] as string) : call.define('weight', weight);
  const x = leftFactor(call);
  if (!call.has(2)) return call.result('linear', [x, name], {});
  const bias = biasOf(call, beta, weight.shape[0] as number);
  if (bias !== undefined) return call.result('linear', [x, name, bias], {});
  call.result('add', [call.step('linear', 'linear', [x, name], {}), addend(call, beta)], {});
}

const gemm: Importer = (call) => {
  const [alpha, beta] = [call.attrs.float('alpha', 1), call.attrs.float('beta', 1)];
  call.attrs.ignore('broadcast');
  const matrix = matrixAt(call, 1);
  if (matrix) return gemmByConstant(call, matrix, alpha, beta);
  let [a, b] = [leftFactor(call), call.inputs[1] as string];
  if (alpha !== 1)
    a = call.step('scaled', 'mul', [a, call.define('alpha', float32([], [alpha]))], {});
  if (call.attrs.integer('transB', 0) !== 0)
    b = call.step('transposed', 'transpose', [b], { permutation: [1, 0] });
  if (!call.has(2)) return call.result('matmul', [a, b], {});
  const product = call.step('product', 'matmul', [a, b], {});
  call.result('add', [product, addend(call, beta)], {});
};

const matMul: Importer = (call) => {
  const matrix = matrixAt(call, 1);
  if (!matrix || call.typeOf(0)?.shape.length !== 2) return call.result('matmul', call.inputs, {});
  const weight = call.define('weight', transposed(matrix));
  call.result('linear', [call.inputs[0] as string, weight], {});
};

export const products: Readonly<Record<string, Importer>> = { Gemm: gemm, MatMul: matMul };
