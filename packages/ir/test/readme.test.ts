/** The example of README.md, run. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// example
import { createRandom, float32, normals } from '@decouple/tensor';
import { graphBuilder, interpret, parseGraph, printGraph, totalCost } from '@decouple/ir';

const b = graphBuilder('net');
const x = b.input('x', ['N', 3, 8, 8]);
const weight = b.constant('w', float32([4, 3, 3, 3], normals(createRandom(1), 108)));
const conv = b.node('conv2d', [x, weight], { pads: [1, 1, 1, 1] }, 'conv');
const graph = b.build([b.node('relu', [conv], {}, 'y')]);

const { y } = interpret(graph, { x: float32([2, 3, 8, 8], new Float32Array(384)) });
console.log(y?.shape, totalCost(graph).macs); // [ 2, 4, 8, 8 ] 6912
console.log(printGraph(graph, { constants: 'summary', types: graph.types }));
const same = parseGraph(printGraph(graph));
// end

test('the example is the one in README.md, and does what it says', () => {
  const source = readFileSync(new URL(import.meta.url), 'utf8');
  const example = /\/\/ example\n([^]*?)\n\/\/ end/.exec(source)?.[1] as string;
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(example);
  expect(y?.shape).toEqual([2, 4, 8, 8]);
  expect(totalCost(graph).macs).toBe(6912);
  expect(same).toEqual(graph);
  const text = printGraph(graph, { constants: 'summary', types: graph.types });
  expect(readme).toContain(text.trim());
});
