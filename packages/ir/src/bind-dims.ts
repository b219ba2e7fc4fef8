/**
 * Substitution of sizes in dimension texts: `floor((H-1)/2)+1` with H = 7 is 4. Symbols without a size stay, and what
 * remains is in normal form again. Texts that are no expressions are symbols as a whole.
 */
import { divideDim, multiplyDims, subtractDims, sumDims } from './dims.ts';
import type { Dim } from './types.ts';

/** Nested parentheses beyond which a text is taken for a symbol. */
const maxDepth = 64;

const token = /\s*([A-Za-z_][\w.]*|\d+|[-+*/()])/y;

function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  token.lastIndex = 0;
  for (let end = 0; end < text.length; end = token.lastIndex) {
    const match = token.exec(text);
    if (!match) return undefined;
    tokens.push(match[1] as string);
  }
  return tokens;
}

/** What the parts of a dimension's text are computed with. */
export interface DimAlgebra<T> {
  number(value: number): T;
  symbol(name: string): T;
  add(a: T, b: T): T;
  subtract(a: T, b: T): T;
  multiply(a: T, b: T): T;
  divide(a: T, divisor: number, round: 'floor' | 'ceil'): T;
}

/** Symbols may be called like anything, `constructor` too. */
const sizeIn = (sizes: Readonly<Record<string, number>>, symbol: string): number | undefined =>
  Object.hasOwn(sizes, symbol) ? sizes[symbol] : undefined;

/** A recursive descent over `sum := product ([+-] product)*`; gives undefined where the text is no expression. */
class Expression<T> {
  private at = 0;
  private readonly tokens: readonly string[];
  private readonly algebra: DimAlgebra<T>;

  constructor(tokens: readonly string[], algebra: DimAlgebra<T>) {
    this.tokens = tokens;
    this.algebra = algebra;
  }

  whole(): T | undefined {
    const value = this.sum(0);
    return this.at === this.tokens.length ? value : undefined;
  }

  private take(...texts: string[]): string | undefined {
    const next = this.tokens[this.at];
    if (next === undefined || !texts.includes(next)) return undefined;
    this.at++;
    return next;
  }

  private sum(depth: number): T | undefined {
    let left = this.product(depth);
    for (let sign = this.take('+', '-'); sign; sign = this.take('+', '-')) {
      const right = this.product(depth);
      if (left === undefined || right === undefined) return undefined;
      left = sign === '+' ? this.algebra.add(left, right) : this.algebra.subtract(left, right);
    }
    return left;
  }

  private product(depth: number): T | undefined {
    let left = this.atom(depth);
    while (this.take('*')) {
      const right = this.atom(depth);
      if (left === undefined || right === undefined) return undefined;
      left = this.algebra.multiply(left, right);
    }
    return left;
  }

  private atom(depth: number): T | undefined {
    if (depth > maxDepth) return undefined;
    const sign = this.take('-');
    const next = this.tokens[this.at++];
    if (next === undefined) return undefined;
    if (/^\d/.test(next)) return this.algebra.number(sign ? -Number(next) : Number(next));
    if (sign) return undefined;
    if (next === '(') {
      const inner = this.sum(depth + 1);
      return this.take(')') ? inner : undefined;
    }
    if ((next === 'floor' || next === 'ceil') && this.take('(')) return this.quotient(next, depth);
    return /^[A-Za-z_]/.test(next) ? this.algebra.symbol(next) : undefined;
  }

  /** `(sum) / number )`, the argument of a rounding. */
  private quotient(round: 'floor' | 'ceil', depth: number): T | undefined {
    const top = this.product(depth + 1);
    if (top === undefined || !this.take('/')) return undefined;
    const divisor = Number(this.tokens[this.at++]);
    return this.take(')') && divisor > 0 ? this.algebra.divide(top, divisor, round) : undefined;
  }
}

/** A dimension's text computed with an algebra, or `undefined` when it is no expression. */
export function evaluateDim<T>(text: string, algebra: DimAlgebra<T>): T | undefined {
  const tokens = tokensOf(text);
  return tokens && new Expression(tokens, algebra).whole();
}

/** The dimension with symbols replaced by sizes. */
export function bindDim(dim: Dim, sizes: Readonly<Record<string, number>>): Dim {
  if (typeof dim === 'number') return dim;
  const size = sizeIn(sizes, dim);
  if (size !== undefined) return size;
  const bound = evaluateDim<Dim>(dim, {
    number: (value) => value,
    symbol: (name) => sizeIn(sizes, name) ?? name,
    add: (a, b) => sumDims([a, b]),
    subtract: subtractDims,
    multiply: (a, b) => multiplyDims([a, b]),
    divide: divideDim,
  });
  return bound ?? dim;
}
