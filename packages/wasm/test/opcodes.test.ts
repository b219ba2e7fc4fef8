import v8 from 'node:v8';
import { describe, expect, it } from 'vitest';
import {
  ModuleBuilder,
  atomicInstructions,
  detectFeatures,
  laneInstructions,
  memoryInstructions,
  memoryLaneInstructions,
  plainInstructions,
  relaxedInstructions,
  signatureOf,
  webAssembly,
  type AtomicName,
  type FunctionBuilder,
  type Instruction,
  type LaneName,
  type MemoryLaneName,
  type MemoryName,
  type PlainName,
  type ValueType,
} from '@decouple/wasm';

// V8 11 (Node 20) has relaxed SIMD behind a flag; later engines have it, and no such flag.
if (!detectFeatures().relaxedSimd) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
const features = detectFeatures();

/** A module with one function that passes its parameters to the instruction and returns the result. */
function moduleUsing(row: Instruction, emit: (f: FunctionBuilder) => void): Uint8Array {
  const { params, results } = signatureOf(row);
  const module = new ModuleBuilder({ memory: { pages: 1, maxPages: 1, shared: features.threads } });
  const f = module.function<readonly ValueType[]>('use', { params, results });
  for (const arg of f.args) f.get(arg);
  emit(f);
  return module.encode();
}

function expectAllValid<N extends string>(
  table: Record<N, Instruction>,
  emit: (f: FunctionBuilder, name: N) => void,
): void {
  const invalid = (Object.keys(table) as N[]).filter(
    (name) => !webAssembly.validate(moduleUsing(table[name], (f) => emit(f, name))),
  );
  expect(invalid).toEqual([]);
}

describe('opcode tables', () => {
  it('match the engine: instructions without immediates', () => {
    const relaxed = new Set(Object.keys(relaxedInstructions));
    const plain = Object.entries<Instruction>(plainInstructions).filter(
      ([name]) => !relaxed.has(name),
    );
    expectAllValid(Object.fromEntries(plain), (f, name) => f.op(name as PlainName));
  });

  it('match the engine: loads and stores', () => {
    expectAllValid(memoryInstructions, (f, name: MemoryName) => f.mem(name, 0xfffffff0));
    expectAllValid(memoryLaneInstructions, (f, name: MemoryLaneName) => f.memLane(name, 1, 300));
  });

  it('match the engine: lanes', () => {
    expectAllValid(laneInstructions, (f, name: LaneName) =>
      f.lane(name, laneInstructions[name].lanes - 1),
    );
  });

  it('match the engine: relaxed vectors', (context) => {
    context.skip(!features.relaxedSimd, 'this engine has no relaxed SIMD');
    expectAllValid(relaxedInstructions, (f, name) => f.op(name));
  });

  it('match the engine: atomics', (context) => {
    context.skip(!features.threads, 'this engine has no threads');
    expectAllValid(atomicInstructions, (f, name: AtomicName) => f.atomic(name, 8));
  });

  it('give each instruction its own encoding', () => {
    const rows = [
      plainInstructions,
      memoryInstructions,
      memoryLaneInstructions,
      laneInstructions,
      atomicInstructions,
    ].flatMap((table) => Object.values<Instruction>(table));
    expect(new Set(rows.map((row) => `${row.prefix}.${row.code}`)).size).toBe(rows.length);
  });
});
