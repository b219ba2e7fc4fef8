import { checkCase, modelCases, type ConformanceCase } from '@decouple/conformance';
import { graphBuilder } from '@decouple/ir';
import { createRandom, float32, InvariantError, normals, OptionError } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import { convKernels, cpu } from '../src/index.ts';
import { nodeWorkers, prepareNode } from '../src/node.ts';

prepareNode();

const resnet = (): ConformanceCase => {
  const found = modelCases().find(({ name }) => name.includes('resnet'));
  if (!found) throw new Error('no residual network among the test models');
  return found;
};

describe('threads', () => {
  test.each(modelCases())('$name on three threads equals the interpreter', (item) =>
    checkCase(cpu({ threads: 3, workers: nodeWorkers }), item),
  );

  test.each(
    [true, false].flatMap((fma) =>
      convKernels.flatMap((force) => modelCases().map((item) => ({ fma, force, item }))),
    ),
  )(
    '$item.name with $force wherever it applies, fma $fma, on two threads',
    ({ fma, force, item }) =>
      checkCase(cpu({ threads: 2, workers: nodeWorkers, fma, force }), item),
  );

  test('many runs give the same bits as one thread', async () => {
    const { graph, inputs } = resnet();
    const one = await cpu().compile(graph);
    const two = await cpu({ threads: 2, workers: nodeWorkers }).compile(graph);
    const expected = await one.run(inputs);
    for (let run = 0; run < 200; run++) expect(await two.run(inputs)).toEqual(expected);
    expect(two.info().threads).toBe(2);
    expect(await two.profile(inputs, 3)).toHaveLength((await one.profile(inputs, 1)).length);
    two.dispose();
    await expect(two.run(inputs)).rejects.toThrow(InvariantError);
  });

  test('steps of the interpreter lie between shared ones', async () => {
    const b = graphBuilder('mixed');
    const weight = b.constant('w', float32([4, 4], normals(createRandom(3), 16)));
    const product = b.node('matmul', [b.node('relu', [b.input('x', [4, 4])]), weight]);
    const graph = b.build([b.node('softmax', [product], { axis: 1 })]);
    const x = float32([4, 4], normals(createRandom(4), 16));
    const backend = cpu({ threads: 2, workers: nodeWorkers });
    await checkCase(backend, { name: 'mixed', graph, inputs: { x } });
  });

  test('networks can be compiled and disposed of without waiting for workers', async () => {
    for (let at = 0; at < 20; at++) {
      const executable = await cpu({
        threads: 2,
        workers: nodeWorkers,
      }).compile(resnet().graph);
      executable.dispose();
    }
  });

  test('without workers one thread is used, and info says why', async () => {
    const executable = await cpu({ threads: 2 }).compile(resnet().graph);
    expect(executable.info().threads).toBe(1);
    expect(executable.info().notes.join()).toContain('one thread instead of 2: no workers here');
  });

  test.each([0, 1.5, 10_000])('%d threads are refused', (threads) => {
    expect(() => cpu({ threads })).toThrow(OptionError);
  });
});
