import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssemblerError, ModuleBuilder, webAssembly, type I32Operand } from '@decouple/wasm';
import { run } from './run.ts';

const owned = { memory: { pages: 1, export: 'memory' } } as const;

describe('FunctionBuilder', () => {
  it('passes typed parameters and results', () => {
    const module = new ModuleBuilder();
    const f = module.function('mix', { params: ['i32', 'f64'], results: ['f64'], export: true });
    const [count, factor] = f.args;
    f.get(count).op('f64.convert_i32_s').get(factor).op('f64.mul');
    expect(run(module).exports.mix?.(3, 0.5)).toBe(1.5);
  });

  it('calls functions of the same module, recursion included', () => {
    const module = new ModuleBuilder();
    const f = module.function('factorial', { params: ['i32'], results: ['i32'], export: 'fac' });
    const [n] = f.args;
    f.get(n).op('i32.eqz');
    f.if(
      () => f.i32(1),
      () => f.get(n).get(n).i32(1).op('i32.sub').call(f).op('i32.mul'),
      'i32',
    );
    const twice = module.function('twice', { params: ['i32'], results: ['i32'], export: true });
    twice.get(twice.args[0]).call(f).i32(2).op('i32.mul');
    const { exports } = run(module);
    expect([exports.fac?.(5), exports.twice?.(3)]).toEqual([120, 12]);
  });

  it('returns several values and encodes repeated local types as runs', () => {
    const module = new ModuleBuilder();
    const f = module.function('pair', { results: ['i32', 'f32'], export: true });
    f.locals('v128', 200);
    const whole = f.local('i32');
    f.i32(7).set(whole).get(whole).f32(0.5);
    expect([...f.encode().subarray(0, 6)]).toEqual([2, 0xc8, 1, 0x7b, 1, 0x7f]);
    expect(run(module).exports.pair?.()).toEqual([7, 0.5]);
  });

  it('branches to labels across nesting', () => {
    const module = new ModuleBuilder();
    const f = module.function('pick', { params: ['i32'], results: ['i32'], export: true });
    f.block((outer) => {
      f.block((middle) => {
        f.block((inner) => {
          f.get(f.args[0]).brTable([inner, middle], outer);
        });
        f.i32(10).return();
      });
      f.i32(20).return();
    });
    f.i32(30);
    const { pick } = run(module).exports;
    expect([0, 1, 2, 99].map((choice) => pick?.(choice))).toEqual([10, 20, 30, 30]);
  });

  it('rejects what cannot be encoded, naming the function', () => {
    const f = new ModuleBuilder(owned).function('broken');
    expect(() => f.mem('v128.load', -4)).toThrow(AssemblerError);
    expect(() => f.mem('v128.load', 2 ** 32)).toThrow(/"broken".*offset 4294967296/);
    expect(() => f.lane('f64x2.extract_lane', 2)).toThrow(/lane 2, but there are 2/);
    expect(() => f.shuffle([0, 1])).toThrow(/16 byte numbers/);
    expect(() => f.f32x4(1, 2)).toThrow(/2 lanes given/);
    expect(() => f.forRange(f.local('i32'), 0, 4, 0, () => f)).toThrow(/step 0/);
  });
});

describe('forRange', () => {
  const bound = fc.integer({ min: -9, max: 9 });
  const step = fc.integer({ min: -3, max: 3 }).filter((value) => value !== 0);

  /** Sum of the counters seen times ten, plus the number of rounds. */
  function loop(start: number, end: number, by: number, constants: boolean): number | undefined {
    const module = new ModuleBuilder();
    const f = module.function('loop', { params: ['i32', 'i32'], results: ['i32'], export: true });
    const counter = f.local('i32');
    const total = f.local('i32');
    const from: I32Operand = constants ? start : f.args[0];
    const to: I32Operand = constants ? end : f.args[1];
    f.forRange(counter, from, to, by, () => {
      f.get(counter).i32(10).op('i32.mul').i32(1).op('i32.add').get(total).op('i32.add').set(total);
    });
    f.get(total);
    return run(module).exports.loop?.(start, end);
  }

  it('counts like the loop of the language, with constants or locals as bounds', () => {
    fc.assert(
      fc.property(bound, bound, step, fc.boolean(), (start, end, by, constants) => {
        let expected = 0;
        for (let i = start; by > 0 ? i < end : i > end; i += by) expected += 10 * i + 1;
        expect(loop(start, end, by, constants)).toBe(expected);
      }),
    );
  });
});

describe('vectors and memory', () => {
  it('multiplies arrays, shuffles, and accesses lanes at static offsets', () => {
    const module = new ModuleBuilder(owned);
    const f = module.function('go', { export: true });
    const x = f.local('v128');
    const y = f.local('v128');
    f.i32(0).mem('v128.load', 16).f32x4(2).op('f32x4.mul').set(x);
    f.get(x).get(x).shuffle32([3, 2, 1, 0]).set(x);
    f.i32(0).get(x).mem('v128.store', 32);
    f.i32(0).get(x).memLane('v128.store32_lane', 2, 200);
    f.i32(64)
      .get(x)
      .op('f64x2.promote_low_f32x4')
      .set(y)
      .get(y)
      .get(y)
      .shuffle64([1, 0])
      .mem('v128.store');
    const { exports, memory } = run(module);
    const floats = new Float32Array(memory.buffer);
    floats.set([1, 2, 3, 4], 4);
    exports.go?.();
    expect([...floats.subarray(8, 12), floats[50]]).toEqual([8, 6, 4, 2, 4]);
    expect([...new Float64Array(memory.buffer, 64, 2)]).toEqual([6, 8]);
  });

  it('fills, copies and grows', () => {
    const module = new ModuleBuilder(owned);
    const f = module.function('go', { results: ['i32'], export: true });
    f.i32(0).i32(7).i32(3).memoryFill();
    f.i32(8).i32(1).i32(3).memoryCopy();
    f.i32(1).memoryGrow().memorySize().op('i32.add');
    const { exports, memory } = run(module);
    expect(exports.go?.()).toBe(3);
    expect([...new Uint8Array(memory.buffer, 0, 12)]).toEqual([7, 7, 7, 0, 0, 0, 0, 0, 7, 7, 0, 0]);
  });

  it('imports a shared memory and counts atomically', () => {
    const memory = new webAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const module = new ModuleBuilder({
      memory: { pages: 1, maxPages: 2, shared: true, import: ['env', 'memory'] },
    });
    const f = module.function('tick', { results: ['i32'], export: true });
    f.i32(4).i32(5).atomic('i32.atomic.rmw.add').atomicFence();
    f.op('drop').i32(4).i32(0).i64(1000).atomic('memory.atomic.wait32');
    f.op('drop').i32(4).i32(1).atomic('memory.atomic.notify').op('drop');
    f.i32(4).atomic('i32.atomic.load');
    const { exports } = run(module, { env: { memory } });
    expect([exports.tick?.(), exports.tick?.()]).toEqual([5, 10]);
  });
});

describe('ModuleBuilder', () => {
  it('writes data segments', () => {
    const module = new ModuleBuilder(owned).data(100, new Uint8Array([1, 2, 3]));
    const { memory } = run(module);
    expect([...new Uint8Array(memory.buffer, 99, 5)]).toEqual([0, 1, 2, 3, 0]);
  });

  it('refuses two exports of one name and shared memories without a limit', () => {
    const module = new ModuleBuilder(owned);
    expect(() => module.function('f', { export: 'memory' })).toThrow(/two exports/);
    expect(() => new ModuleBuilder({ memory: { pages: 1, shared: true } })).toThrow(/maxPages/);
  });

  it('encodes a large function quickly and validly', () => {
    const module = new ModuleBuilder(owned);
    const f = module.function('long');
    const x = f.local('v128');
    for (let i = 0; i < 50_000; i++) f.get(x).get(x).op('f32x4.add').set(x);
    expect(webAssembly.validate(module.encode())).toBe(true);
  });
});
