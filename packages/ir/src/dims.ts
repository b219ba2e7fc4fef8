/**
 * Arithmetic on dimensions. A symbolic result is a text in a small normal form (constants summed and last, products
 * with the number last), so that sizes which are computed along two paths compare equal, as in a residual block:
 * `H-1+1` is `H`, `(N*49)/49` is `N`. Texts are expressions over `+ - * / floor ceil`.
 */
import { ModelError } from '@decouple/tensor';
import type { Dim } from './types.ts';

/** `text` = base + constant; a sign inside parentheses doesn't count. */
function splitConstant(text: string): { base: string; constant: number } {
  const match = /^(.+)([+-]\d+)$/.exec(text);
  const base = match?.[1];
  if (!base || depthAt(base) !== 0) return { base: text, constant: 0 };
  return { base, constant: Number(match?.[2]) };
}

const depthAt = (text: string): number => text.split('(').length - text.split(')').length;

/** `dim + offset`. */
export function addToDim(dim: Dim, offset: number): Dim {
  if (typeof dim === 'number') return dim + offset;
  if (offset === 0) return dim;
  const { base, constant } = splitConstant(dim);
  const total = constant + offset;
  return total === 0 ? base : `${base}${total > 0 ? '+' : ''}${total}`;
}

/** The sum of dimensions, as along the axis of a concatenation. */
export function sumDims(dims: readonly Dim[]): Dim {
  let constant = 0;
  const bases: string[] = [];
  for (const dim of dims)
    if (typeof dim === 'number') constant += dim;
    else {
      const parts = splitConstant(dim);
      bases.push(parts.base);
      constant += parts.constant;
    }
  return bases.length ? addToDim(bases.sort().join('+'), constant) : constant;
}

/** `a - b`. */
export function subtractDims(a: Dim, b: Dim): Dim {
  if (typeof b === 'number') return addToDim(a, -b);
  const right = splitConstant(b);
  const left = typeof a === 'number' ? { base: '', constant: a } : splitConstant(a);
  const offset = left.constant - right.constant;
  if (left.base === right.base) return offset;
  return addToDim(`${left.base || 0}-(${right.base})`, offset);
}

/** `floor(dim / divisor)` or `ceil(dim / divisor)`. */
export function divideDim(dim: Dim, divisor: number, round: 'floor' | 'ceil'): Dim {
  if (typeof dim === 'number') return Math[round](dim / divisor);
  return divisor === 1 ? dim : `${round}((${dim})/${divisor})`;
}

interface Product {
  factor: number;
  symbols: string[];
}

/** Splits a text at `*` outside parentheses; a sum is one factor. */
function factorsOf(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (depth === 0 && '+-/'.includes(char)) return [text];
    if (depth === 0 && char === '*') parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

function product(dims: readonly Dim[]): Product {
  const result: Product = { factor: 1, symbols: [] };
  for (const dim of dims) {
    if (typeof dim === 'number') {
      result.factor *= dim;
      continue;
    }
    for (const part of factorsOf(dim))
      if (/^\d+$/.test(part)) result.factor *= Number(part);
      else result.symbols.push(part.replace(/^\(([^()]*)\)$/, '$1'));
  }
  result.symbols.sort();
  return result;
}

function formatProduct({ factor, symbols }: Product): Dim {
  if (!symbols.length || factor === 0) return factor;
  if (symbols.length === 1 && factor === 1) return symbols[0] as string;
  const atoms = symbols.map((symbol) => (factorsSum(symbol) ? `(${symbol})` : symbol));
  return [...atoms, ...(factor === 1 ? [] : [factor])].join('*');
}

const factorsSum = (text: string): boolean => /[+\-/]/.test(text.replace(/\(.*\)/g, ''));

/** The product of dimensions, as of flattened axes. */
export const multiplyDims = (dims: readonly Dim[]): Dim => formatProduct(product(dims));

/**
 * The dimension `d` with `Π known · d = Π all`; symbols cancel, and what is left of them may divide when bound.
 * @throws ModelError when it can't divide.
 */
export function quotientOfDims(all: readonly Dim[], known: readonly Dim[]): Dim {
  const [whole, part] = [product(all), product(known)];
  const symbols = [...whole.symbols];
  for (const symbol of part.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) throw indivisible(all, known);
    symbols.splice(at, 1);
  }
  const factor = whole.factor / part.factor;
  if (Number.isInteger(factor)) return formatProduct({ factor, symbols });
  // A sum may be divisible although its factors don't show it, as the joined maps of a detector.
  if (!symbols.length || !part.factor) throw indivisible(all, known);
  return divideDim(formatProduct({ factor: whole.factor, symbols }), part.factor, 'floor');
}

/** Whether two products can be equal: with the same symbols the numbers must agree, else only binding tells. */
export function mayBeEqual(a: readonly Dim[], b: readonly Dim[]): boolean {
  const [left, right] = [product(a), product(b)];
  return left.factor === right.factor || left.symbols.join() !== right.symbols.join();
}

const indivisible = (all: readonly Dim[], known: readonly Dim[]): ModelError =>
  new ModelError(`[${all.join(',')}] can't be divided into rows of [${known.join(',')}]`);
