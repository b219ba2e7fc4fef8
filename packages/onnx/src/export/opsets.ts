/** Since which operator set ONNX has its ops, and for which element types. What is not listed is as old as set 7. */
import { UnsupportedError, type DType } from '@decouple/tensor';
import type { Writer } from './writer.ts';

/** Thrown where a newer operator set would have a form. */
export class OpsetError extends UnsupportedError {
  readonly needed: number;
  constructor(message: string, needed: number) {
    super(message);
    this.needed = needed;
  }
}

/** @throws OpsetError when the model is written for an older operator set. */
export function needs({ opset: given }: Pick<Writer, 'opset'>, opset: number, what: string): void {
  if (opset === never) throw new UnsupportedError(`ONNX has no ${what}`);
  if (given < opset)
    throw new OpsetError(
      `${what} needs operator set ${opset}, the model is written for ${given}`,
      opset,
    );
}

const never = Infinity;

/** Whole numbers of 8 and 16 bits are `narrow`, those of 32 and 64 bits `whole`. */
type Elements = 'float' | 'whole' | 'narrow' | 'bool';

const elementsOf = (dtype: DType): Elements => {
  if (dtype === 'bool') return 'bool';
  if (dtype.startsWith('float')) return 'float';
  return /(8|16)$/.test(dtype) ? 'narrow' : 'whole';
};

type Since = Partial<Record<Elements, number>>;
const all = (opset: number): Since => ({
  float: opset,
  whole: opset,
  narrow: opset,
  bool: opset,
});
const arithmetic: Since = { narrow: 14 };
const extremes: Since = { float: 8, whole: 12, narrow: 12 };
const totals: Since = { narrow: never };

const since: Readonly<Record<string, Since>> = {
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Div: arithmetic,
  Mod: all(10),
  Pad: { whole: 11, narrow: 11, bool: 13 },
  Flatten: { whole: 9, narrow: 9, bool: 9 },
  Pow: { whole: 12, narrow: never },
  Min: extremes,
  Max: extremes,
  Equal: { float: 11, narrow: 11 },
  Greater: { whole: 9, narrow: 9 },
  GreaterOrEqual: all(12),
  Where: all(9),
  Sign: all(9),
  Erf: all(9),
  Round: all(11),
  Sinh: all(9),
  Cosh: all(9),
  Asinh: all(9),
  Acosh: all(9),
  Atanh: all(9),
  ReduceSum: totals,
  ReduceMean: totals,
  ReduceProd: totals,
  ReduceMax: { narrow: 12, bool: 20 },
  ReduceMin: { narrow: 12, bool: 20 },
  TopK: { whole: 11, narrow: 11 },
  CumSum: { ...all(11), narrow: never },
  GatherElements: all(11),
  GatherND: all(11),
  Scatter: all(9),
  ScatterElements: all(11),
  ScatterND: all(11),
};

/**
 * Checks that the model's operator set has `opType` for the element type of an input of the node.
 * @throws OpsetError when it is too old.
 */
export function needsElements(writer: Writer, opType: string, input = 0): void {
  const dtype = writer.graph.types.get(writer.node.inputs[input] ?? '')?.dtype;
  const opset = since[opType]?.[elementsOf(dtype ?? 'float32')];
  if (opset !== undefined) needs(writer, opset, `${opType} of ${dtype ?? 'unknown type'}`);
}
