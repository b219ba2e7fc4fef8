import { graphBuilder, interpret } from '@decouple/ir';
import {
  InvariantError,
  OptionError,
  UnsupportedError,
  float32,
  type Tensor,
} from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { randomTensor } from '@decouple/conformance';
import { gpu, gpuModes, type GpuMode } from '../src/index.ts';

const vector = (...values: number[]): Tensor<'float32'> =>
  float32([values.length], Float32Array.from(values));

function doubled() {
  const b = graphBuilder('doubled');
  const x = b.input('x', [3]);
  return b.build([b.node('add', [x, x], {}, 'y')]);
}

describe('modes', () => {
  test('are named, and chosen for good', async () => {
    const executable = await gpu({ mode: 'cpu' }).compile(doubled());
    expect(executable.info().backend).toBe('gpu (cpu)');
    expect(executable.info().notes).toEqual(['gpu.js mode cpu']);
    executable.dispose();
  });

  test('that are not there say what to install', async () => {
    const compiled = gpu({ mode: 'webgl2' }).compile(doubled());
    await expect(compiled).rejects.toThrow(UnsupportedError);
    await expect(compiled).rejects.toThrow(/'webgl2' is not there: it needs a browser/);
  });

  test('of another name are refused at once', () => {
    expect(() => gpu({ mode: 'webgpu' as GpuMode })).toThrow(OptionError);
    expect(gpuModes).toEqual(['webgl2', 'headless-gl', 'webassembly', 'cpu']);
  });

  test('are told when chosen by default, and never cpu', async () => {
    const executable = await gpu().compile(doubled());
    expect(executable.info().backend).toMatch(/^gpu \((headless-gl|webassembly)\)$/);
    expect(executable.info().notes).toEqual([expect.stringMatching(/, the best there is here$/)]);
    executable.dispose();
  });
});

describe('executables', () => {
  const backend = gpu({ mode: 'webassembly' });

  test('may be called at once', async () => {
    const executable = await backend.compile(doubled());
    const results = await Promise.all(
      [1, 2, 3].map((value) => executable.run({ x: vector(value, 0, -value) })),
    );
    expect(results.map(({ y }) => [...(y as Tensor<'float32'>).data])).toEqual([
      [2, 0, -2],
      [4, 0, -4],
      [6, 0, -6],
    ]);
    executable.dispose();
  });

  test('go on after a run that was refused', async () => {
    const executable = await backend.compile(doubled());
    await expect(executable.run({ x: vector(1) })).rejects.toThrow(/compiled for/);
    const { y } = await executable.run({ x: vector(1, 2, 3) });
    expect([...(y as Tensor<'float32'>).data]).toEqual([2, 4, 6]);
    executable.dispose();
    executable.dispose();
    await expect(executable.run({ x: vector(1, 2, 3) })).rejects.toThrow(InvariantError);
  });

  test('leave to the interpreter what has no kernel, and say so', async () => {
    const b = graphBuilder('mixed');
    const x = b.input('x', [1, 4, 5, 5]);
    const normalized = b.node('lrn', [b.node('relu', [x], {}, 'before')], { size: 3 }, 'middle');
    const graph = b.build([b.node('sigmoid', [normalized], {}, 'y')]);
    const executable = await backend.compile(graph);
    expect(executable.info().delegated).toEqual([
      { node: 'middle', to: 'reference', reason: expect.stringMatching(/no kernel/) as string },
    ]);
    const inputs = { x: randomTensor([1, 4, 5, 5], 3) };
    const { y } = await executable.run(inputs);
    const expected = interpret(graph, inputs)['y'] as Tensor<'float32'>;
    (y as Tensor<'float32'>).data.forEach((value, index) =>
      expect(value).toBeCloseTo(expected.data[index] as number, 5),
    );
    const kernels = (await executable.profile(inputs, 1)).map(({ kernel }) => kernel);
    expect(kernels).toContain('reference lrn');
    expect(kernels).toContain('upload middle');
    executable.dispose();
  });

  test('upload weights of both convolutions once', async () => {
    const b = graphBuilder('two');
    const x = b.input('x', [1, 4, 6, 6]);
    const weight = b.constant('w', randomTensor([4, 4, 3, 3], 1));
    const first = b.node('conv2d', [x, weight], { pads: [1, 1, 1, 1] });
    const graph = b.build([b.node('conv2d', [first, weight], { pads: [1, 1, 1, 1] }, 'y')]);
    const executable = await backend.compile(graph);
    expect(executable.info().weightBytes).toBe(2 * 4 * 4 * 4 * 9);
    executable.dispose();
  });
});
