/** Graphs as values: building, checking, binding, running. */
import { float32, int64, zeros, type Tensor } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import {
  bindShapes,
  bindSymbols,
  consumersOf,
  createGraph,
  describeOps,
  extractGraph,
  formatProblem,
  formatType,
  graphBuilder,
  interpret,
  makeNode,
  nonFiniteConstants,
  ops,
  parseGraph,
  parseGraphParts,
  producerOf,
  soleConsumerOf,
  symbolsOf,
  typeOf,
  verify,
  type Graph,
} from '../src/index.ts';

/** Two convolutions, a shortcut and a classifier. */
function network(): Graph {
  const b = graphBuilder('net');
  const x = b.input('x', ['N', 2, 'H', 'H']);
  const w = b.constant('w', float32([2, 2, 1, 1], [1, 0, 0, 1]));
  const first = b.node('conv2d', [x, w]);
  const second = b.node('conv2d', [first, w, '', x], { activation: { kind: 'relu' } }, 'second');
  const pooled = b.node('global-average-pool', [second]);
  const flat = b.node('reshape', [pooled], { shape: ['N', 2] }, 'flat');
  return b.build([flat, first]);
}

const values = (value: Tensor | undefined): number[] => Array.from(value?.data ?? [], Number);

describe('building', () => {
  test('nodes are named by op and number; attributes are completed', () => {
    const graph = network();
    expect(graph.nodes.map(({ name }) => name)).toEqual([
      'conv2d1',
      'second',
      'global-average-pool1',
      'flat',
    ]);
    expect(graph.nodes[0]?.attrs).toEqual({
      stride: [1, 1],
      pads: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
      activation: null,
    });
    expect(formatType(typeOf(graph, 'second'))).toBe('float32[N,2,H,H]');
  });

  test('mistakes are named', () => {
    expect(() => makeNode('conv2d', 'c', ['x', 'w'], { stride: [0, 1] })).toThrow(
      /conv2d 'c': stride\.0: /,
    );
    const b = graphBuilder('net');
    b.constant('w', float32([1], [1]));
    expect(() => b.constant('w', float32([1], [1]))).toThrow(/'w' is defined twice/);
    b.node('relu', ['nothing'], {}, 'r');
    expect(() => b.build(['r'])).toThrow(/graph 'net': relu 'r': input 'nothing' is not defined/);
    expect(() => typeOf(network(), 'nothing')).toThrow(/'nothing' is unknown/);
  });

  test('many problems are cut short in the message', () => {
    const nodes = Array.from({ length: 7 }, (_, i) => makeNode('relu', `r${i}`, ['x'], {}));
    const parts = { name: 'g', inputs: [], outputs: [], nodes, constants: new Map() };
    expect(() => createGraph(parts)).toThrow(/… and 2 more$/);
  });
});

describe('uses', () => {
  test('producers and consumers', () => {
    const graph = network();
    expect(producerOf(graph, 'second')?.name).toBe('second');
    expect(producerOf(graph, 'x')).toBeUndefined();
    expect(consumersOf(graph, 'w').map(({ name }) => name)).toEqual(['conv2d1', 'second']);
    expect(consumersOf(graph, 'flat')).toEqual([]);
    expect(soleConsumerOf(graph, 'second')?.name).toBe('global-average-pool1');
    // Also an output of the graph, and read by two.
    expect(soleConsumerOf(graph, 'conv2d1')).toBeUndefined();
    expect(soleConsumerOf(graph, 'w')).toBeUndefined();
  });

  test('a node that reads a value twice consumes it once', () => {
    const graph = parseGraph('graph "g" { input %x: float32[2] %y = add(%x, %x) output %y }');
    expect(consumersOf(graph, 'x')).toHaveLength(1);
    expect(soleConsumerOf(graph, 'x')?.name).toBe('y');
  });

  test('parts of a network run by themselves', () => {
    const graph = network();
    const part = extractGraph(graph, ['global-average-pool1'], ['conv2d1']);
    expect(part.inputs.map(({ name }) => name)).toEqual(['conv2d1', 'x']);
    expect(part.nodes.map(({ name }) => name)).toEqual(['second', 'global-average-pool1']);
  });
});

describe('binding', () => {
  test('all symbols, or some', () => {
    const graph = network();
    expect(symbolsOf(graph)).toEqual(['N', 'H']);
    const partly = bindSymbols(graph, { N: 3 });
    expect(formatType(typeOf(partly, 'second'))).toBe('float32[3,2,H,H]');
    expect(formatType(typeOf(partly, 'flat'))).toBe('float32[3,2]');
    expect(partly.constants.get('w')).toBe(graph.constants.get('w'));
    const bound = bindShapes(graph, { x: [3, 2, 5, 5] });
    expect(symbolsOf(bound)).toEqual([]);
    expect(formatType(typeOf(bound, 'second'))).toBe('float32[3,2,5,5]');
    expect(verify(bound)).toEqual([]);
  });

  test('shapes that do not fit are refused', () => {
    const graph = network();
    expect(() => bindShapes(graph, { x: [1, 3, 5, 5] })).toThrow(/'x' is \[1,3,5,5\], expected/);
    expect(() => bindShapes(graph, { x: [1, 2, 5, 4] })).toThrow(/expected \[N,2,H,H\]/);
    expect(() => bindShapes(graph, { x: [1, 2, 5] })).toThrow(/expected/);
    expect(() => bindShapes(graph, {})).toThrow(/'x' \[N,2,H,H\] is missing/);
    expect(() => bindShapes(graph, { x: [1, 2, 5, 5], y: [1] })).toThrow(/'y' is not an input/);
  });
});

describe('running', () => {
  test('outputs by name, in place of symbols sizes', () => {
    const x = float32([1, 2, 1, 1], [-3, 4]);
    const out = interpret(network(), { x });
    expect(Object.keys(out)).toEqual(['flat', 'conv2d1']);
    // The identity, then relu(y + x).
    expect(values(out.conv2d1)).toEqual([-3, 4]);
    expect(values(out.flat)).toEqual([0, 8]);
    expect(out.flat?.shape).toEqual([1, 2]);
  });

  test('every value can be watched', () => {
    const seen: string[] = [];
    interpret(
      network(),
      { x: zeros('float32', [2, 2, 3, 3]) },
      { onValue: (name, value) => seen.push(`${name} ${value.shape.join('x')}`) },
    );
    expect(seen).toEqual([
      'conv2d1 2x2x3x3',
      'second 2x2x3x3',
      'global-average-pool1 2x2x1x1',
      'flat 2x2',
    ]);
  });

  test('an input of another type is refused', () => {
    const x = zeros('int64', [1, 2, 3, 3]);
    expect(() => interpret(network(), { x })).toThrow(/'x' is int64, expected float32/);
  });

  test('inputs and constants may be outputs', () => {
    const graph = parseGraph(
      'graph "g" { input %x: float32[1] const %c: float32[1] = [5] output %x, %c }',
    );
    const out = interpret(graph, { x: float32([1], [3]) });
    expect([values(out.x), values(out.c)]).toEqual([[3], [5]]);
  });

  test('shapes computed when running', () => {
    const graph = parseGraph(`graph "g" {
      input %x: float32[N,3]
      %s = shape(%x)
      %ones = constant-of-shape(%s) {value=1}
      %y = add(%x, %ones)
      %z = relu(%y)
      output %z
    }`);
    expect(graph.types.get('z')).toBeUndefined();
    expect(verify(graph)).toEqual([]);
    const out = interpret(graph, { x: float32([2, 3], [-2, -1, 0, 1, 2, 3]) });
    expect(values(out.z)).toEqual([0, 0, 1, 2, 3, 4]);
  });

  test('an opaque operator stops with its name; values before it can be had', () => {
    const text = `graph "g" {
      input %x: float32[N,3]
      %r = relu(%x)
      %o, %p = opaque(%r, _) {opType=Foo, domain=acme, opset=1, outputTypes=[{dtype=float32, shape=[N, 3]}, null]}
      %y = relu(%o)
      %z = relu(%p)
      output %y, %z
    }`;
    const graph = parseGraph(text);
    expect(formatType(typeOf(graph, 'y'))).toBe('float32[N,3]');
    expect(graph.types.has('z')).toBe(false);
    const x = float32([1, 3], [-1, 0, 1]);
    expect(() => interpret(graph, { x })).toThrow(/opaque 'o': operator acme\.Foo is unknown/);
    expect(() => interpret(graph, { x })).toThrow(
      expect.objectContaining({ name: 'UnsupportedError' }),
    );
    expect(values(interpret(extractGraph(graph, ['r']), { x }).r)).toEqual([0, 0, 1]);
    expect(formatType(typeOf(bindSymbols(graph, { N: 4 }), 'y'))).toBe('float32[4,3]');
  });

  test('errors of a node carry its name', () => {
    const graph = parseGraph(`graph "g" {
      input %i: int64[1]
      const %d: float32[2] = [1, 2]
      %picked = gather(%d, %i)
      output %picked
    }`);
    expect(() => interpret(graph, { i: int64([7]) })).toThrow(
      /gather 'picked': index 7 is outside/,
    );
  });
});

describe('verify', () => {
  test('lists every planted violation', () => {
    const parts = parseGraphParts(`graph "bad" {
      input %x: float32[N,2,4,4]
      const %w: float32[3,2,1,1] = fill(0)
      const %x: float32[1] = [0]
      %late = relu(%after)
      %after = relu(%x2)
      %conv = conv2d(%x2, %w, _, _, %w)
      %few = add(%x2)
      %misfit = conv2d(%x2, %w) {groups=2}
      %misfit, %more = relu(%x2) name="r"
      %same = relu(%x2) name="r"
      input %x2: float32[N,2,4,4]
      output %same, %nowhere, %same
    }`);
    const attrs = { stride: [0, 1] };
    const broken = makeNode('conv2d', 'broken', ['x2', 'w'], {});
    const unknown = makeNode('relu', 'unknown', ['x2'], {});
    const bad = {
      ...parts,
      inputs: [
        ...parts.inputs,
        { name: 'odd', type: { dtype: 'float32' as const, shape: [-1, ''] } },
      ],
      constants: new Map([
        ...parts.constants,
        ['short', { dtype: 'float32', shape: [2], data: new Float32Array(1) }],
      ]),
      nodes: [
        ...parts.nodes,
        { ...broken, attrs: { ...broken.attrs, ...attrs } } as unknown as typeof broken,
        { ...unknown, attrs: { slope: 1 } } as unknown as typeof unknown,
        { ...makeNode('relu', 'nameless', ['x2'], {}), outputs: [''] },
      ],
    };
    const found = verify(bad).map(formatProblem);
    const expected = [
      /input 'odd': has a dimension of -1, which is no size/,
      /constant 'short': holds 1 elements/,
      /conv2d 'broken': attributes: stride\.0/,
      /relu 'unknown': attributes: Unrecognized key: "slope"/,
      /input 'x': value 'x' is defined twice/,
      /relu 'late': input 'after' is not defined before its use/,
      /conv2d 'conv': takes at most 4 inputs, got 5/,
      /add 'few': input 'b' is missing/,
      /conv2d 'misfit': 2 input channels/,
      /relu 'r': value 'misfit' is defined twice/,
      /relu 'r': has 2 outputs, its op gives 1/,
      /relu 'r': two nodes have this name/,
      /relu 'nameless': a value has an empty name/,
      /output 'nowhere': no node defines/,
      /output 'same': is listed twice/,
    ];
    for (const message of expected)
      expect(
        found.filter((one) => message.test(one)),
        String(message),
      ).toHaveLength(1);
    expect(found).toHaveLength(expected.length);
  });

  test('finds nothing in a sound graph', () => {
    expect(verify(network())).toEqual([]);
  });

  test('finds constants that are no numbers', () => {
    const constants = new Map<string, Tensor>([
      ['fine', float32([1], [1])],
      ['bad', float32([2], [1, NaN])],
      ['known', float32([1], [Infinity])],
      ['whole', int64([1])],
    ]);
    const parts = { name: 'g', inputs: [], outputs: [], nodes: [], constants };
    expect(nonFiniteConstants(parts)).toEqual(['bad', 'known']);
    expect(nonFiniteConstants(parts, new Map(constants).set('bad', float32([1], [1])))).toEqual([
      'bad',
    ]);
  });
});

test('ops describe themselves', () => {
  const all = describeOps();
  expect(all.map(({ kind }) => kind)).toEqual(Object.keys(ops));
  expect(all.find(({ kind }) => kind === 'conv2d')?.attributes[0]).toEqual({
    name: 'stride',
    type: '[integer ≥ 1, integer ≥ 1]',
    default: '[1, 1]',
    doc: 'step of rows and columns',
  });
  const transpose = all.find(({ kind }) => kind === 'transpose');
  expect(transpose?.attributes[0]?.type).toBe('(integer ≥ 0)[]');
  expect(transpose?.attributes[0]).not.toHaveProperty('default');
});
