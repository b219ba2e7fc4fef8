/** The text syntax: what is printed reads back as the same graph, and mistakes are named with their place. */
import {
  createRandom,
  float32,
  int64,
  ModelError,
  tensor,
  zeros,
  type Tensor,
} from '@decouple/tensor';
import { damagedText } from '@decouple/tensor/mutations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createGraph,
  decodeBase64,
  encodeBase64,
  interpret,
  makeNode,
  ops,
  parseGraph,
  parseGraphParts,
  printGraph,
  recordOf,
  typeOfTensor,
  verify,
  type AttrsInput,
  type Graph,
  type GraphParts,
  type OpKind,
} from '../src/index.ts';

const small = `graph "small" {
  metadata "producer" = "by hand"
  input %x: float32[N,2,3,3]
  const %w: float32[2,2,1,1] = [1, -0, 0.1, 3e+30]
  %conv1 = conv2d(%x, %w, _, %x) {stride=[1, 1], activation={kind=leaky-relu, alpha=0.2}}
  %"relu 1" = relu(%conv1) name="conv1/relu" @"features.1"
  %flat = reshape(%"relu 1") {shape=[N, -1]}
  output %flat, %conv1
}
`;

describe('printing and parsing', () => {
  test('a small graph, by hand', () => {
    const graph = parseGraph(small);
    expect(graph.types.get('flat')).toEqual({ dtype: 'float32', shape: ['N', 18] });
    expect(graph.nodes.map(({ name, origin }) => [name, origin])).toEqual([
      ['conv1', 'conv1'],
      ['conv1/relu', 'features.1'],
      ['flat', 'flat'],
    ]);
    expect(graph.constants.get('w')?.data).toEqual(Float32Array.of(1, -0, 0.1, 3e30));
    expect(graph.metadata).toEqual({ producer: 'by hand' });
  });

  test('printing leaves out what is implied, and is a fixed point', () => {
    const printed = printGraph(parseGraph(small));
    // The default stride goes, and 0.1 becomes the nearest float32.
    expect(printed).toBe(
      small
        .replace('{stride=[1, 1], activation=', '{activation=')
        .replace('0.1,', `${Math.fround(0.1)},`)
        .replace('3e+30', String(Math.fround(3e30))),
    );
    expect(printGraph(parseGraph(printed))).toBe(printed);
  });

  test('comments and free layout', () => {
    const graph = parseGraph(
      'graph "g"{input %x:float32[2] # two\n%y=relu( %x ){ }# that is all\n output %y}',
    );
    expect(interpret(graph, { x: float32([2], [-1, 2]) }).y?.data).toEqual(Float32Array.of(0, 2));
  });

  test('generated constants', () => {
    const { constants } = parseGraphParts(`graph "g" {
      const %a: float32[2,3] = normal(seed=1, scale=0.1)
      const %b: int64[2] = fill(7)
      const %c: float32[2] = fill(-0.5)
    }`);
    const random = createRandom(1);
    const expected = Float32Array.from({ length: 6 }, () => random.normal() * 0.1);
    expect(constants.get('a')?.data).toEqual(expected);
    expect(constants.get('b')?.data).toEqual(BigInt64Array.of(7n, 7n));
    expect(constants.get('c')?.data).toEqual(Float32Array.of(-0.5, -0.5));
  });

  test('summaries for people show types and hide long constants', () => {
    const graph = parseGraph(
      'graph "g" { input %x: float32[N,99] const %w: float32[3,99] = fill(1) %y = linear(%x, %w) output %y }',
    );
    const text = printGraph(graph, { constants: 'summary', types: graph.types });
    expect(text).toContain('const %w: float32[3,99] = …\n');
    expect(text).toContain('%y = linear(%x, %w)  # float32[N,3]\n');
    expect(() => parseGraph(text)).toThrow(/text:3:29: expected the data/);
  });
});

describe('round trips', () => {
  const roundTrip = (parts: GraphParts): GraphParts => parseGraphParts(printGraph(parts));

  test('bits of constants of every type', () => {
    const nans = new Uint32Array([0x7fc00001, 0xffc12345, 0x80000000]);
    const constants = new Map<string, Tensor>([
      ['nan', tensor('float32', [3], new Float32Array(nans.buffer))],
      ['long', float32([5, 7], Float32Array.from({ length: 35 }, Math.sin))],
      ['i64', int64([-(2 ** 53) + 1, 2 ** 53 - 1])],
      ['huge', tensor('int64', [1], BigInt64Array.of(-(2n ** 63n)))],
      ['u64', tensor('uint64', [20], new BigUint64Array(20).fill(2n ** 64n - 1n))],
      ['f64', tensor('float64', [2], Float64Array.of(Math.PI, -0))],
      ['bool', tensor('bool', [2], Uint8Array.of(0, 1))],
      ['scalar', float32([], [1e-45])],
      ['empty', zeros('float32', [0, 3])],
      ['infinite', float32([2], [Infinity, -Infinity])],
    ]);
    const back = roundTrip({ name: '', inputs: [], outputs: [], nodes: [], constants });
    expect([...back.constants.keys()]).toEqual([...constants.keys()]);
    for (const [name, value] of constants) {
      const read = back.constants.get(name);
      expect(read?.dtype, name).toBe(value.dtype);
      expect(read?.shape, name).toEqual(value.shape);
      const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
        new Uint8Array(buffer, byteOffset, byteLength);
      expect(bytes(read?.data as Float32Array), name).toEqual(bytes(value.data));
    }
  });

  test('every sample of every op', () => {
    for (const kind of Object.keys(ops) as OpKind[])
      for (const { inputs, attrs } of recordOf(kind).samples(createRandom(3))) {
        const names = inputs.map((value, place) => (value ? `in ${place}` : ''));
        const given = inputs.flatMap((value, place) =>
          value ? [{ name: `in ${place}`, type: typeOfTensor(value) }] : [],
        );
        const graph = createGraph({
          name: kind,
          inputs: given,
          outputs: ['out'],
          nodes: [
            makeNode(kind, 'node', names, attrs as AttrsInput<typeof kind>, { outputs: ['out'] }),
          ],
          constants: new Map(),
        });
        expect(parseGraph(printGraph(graph))).toEqual(graph);
      }
  });

  const dim = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('N', 'H+1', 'true', 'a b'));
  const name = fc.oneof(
    fc.stringMatching(/^[\w./-]{1,8}$/),
    fc.string({ minLength: 1, maxLength: 6 }),
  );
  const element = fc.float({ noNaN: true });
  const anyGraph = fc
    .record({
      name: fc.string(),
      names: fc.uniqueArray(name, { minLength: 8, maxLength: 8 }),
      metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
      shape: fc.array(dim, { minLength: 1, maxLength: 4 }),
      data: fc.array(element, { maxLength: 20 }),
      alpha: fc.double({ noNaN: true, noDefaultInfinity: true }),
      origin: fc.string(),
      opType: fc.string(),
    })
    .map(({ name, names, metadata, shape, data, alpha, origin, opType }): Graph => {
      const [x, c, a, b, d, e, f, n] = names as [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
      ];
      return createGraph({
        name,
        metadata,
        inputs: [{ name: x, type: { dtype: 'float32', shape } }],
        outputs: [b, f],
        constants: new Map([[c, float32([data.length], data)]]),
        nodes: [
          makeNode('leaky-relu', a, [x], { alpha }),
          makeNode('add', n, [a, a], {}, { outputs: [b], origin }),
          makeNode(
            'opaque',
            d,
            [b, '', c],
            { opType, opset: 3, outputTypes: [null, { dtype: 'bool', shape }] },
            { outputs: [d, e] },
          ),
          makeNode('identity', f, [e], {}),
        ],
      });
    });

  test('any graph', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        expect(parseGraph(printGraph(graph))).toStrictEqual(graph);
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  test('base64 of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = encodeBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(decodeBase64(text)).toEqual(Uint8Array.from(bytes));
      }),
      { seed: 5 },
    );
    for (const wrong of ['a', 'ab=c', 'a===', 'abc!', 'ab\u00e9c', '===='])
      expect(decodeBase64(wrong), wrong).toBeUndefined();
  });
});

describe('mistakes', () => {
  const wrong: [string, RegExp][] = [
    ['', /text:1:1: expected 'graph', got the end/],
    ['graph g {}', /text:1:7: expected the graph's name in quotes, got 'g'/],
    ['graph "g" {', /text:1:12: expected '%', got the end/],
    ['graph "g" {} x', /text:1:14: expected the end, got 'x'/],
    [
      'graph "g" {\n  input %x: float31[2]\n}',
      /text:2:13: expected an element type.*got 'float31'/,
    ],
    ['graph "g" {\n  input %x: float32[1.5]\n}', /text:2:21: dimension 1.5 must be a whole number/],
    ['graph "g" {\n input x: float32[2]\n}', /text:2:8: expected '%', got 'x:'/],
    ['graph "g" { const %w: float32[2] = [1] }', /1:37: 2 elements expected, got 1/],
    ['graph "g" { const %w: float32[2] = base64"AAAA" }', /8 bytes expected, got 3/],
    ['graph "g" { const %w: float32[2] = base64"A" }', /this is not base64/],
    ['graph "g" { const %w: float32[2] = base64"AAAA }', /base64 that ends with "/],
    ['graph "g" { const %w: float32[N] = [1] }', /a constant needs known sizes/],
    ['graph "g" { const %w: float32[99999,99999] = fill(0) }', /at most \d+ elements/],
    ['graph "g" { const %w: float32[99999,99999] = [0] }', /elements expected, got 1/],
    ['graph "g" { const %w: int64[1] = [0.5] }', /expected '\]', got '.5\]'/],
    ['graph "g" { const %w: int64[1] = normal(seed=1) }', /makes float32, not int64/],
    [
      'graph "g" { const %w: float32[1] = [1] const %w: float32[1] = [2] }',
      /1:40: constant 'w' is defined twice/,
    ],
    ['graph "g" { %y = convolve(%x) }', /1:18: unknown op 'convolve'; ops are conv2d, /],
    ['graph "g" { %y = toString(%x) }', /unknown op 'toString'/],
    ['graph "g" { %y = relu(%x) {alpha=1} }', /1:18: relu: Unrecognized key: "alpha"/],
    ['graph "g" { %y = clip(%x) {min=1, min=2} }', /1:35: 'min' is given twice/],
    ['graph "g" { %y = clip(%x) {min=} }', /expected a value, got '}'/],
    ['graph "g" { %y = concat(%x) }', /concat: axis: .*expected number/],
    [`graph "g" { %y = relu(%x) {a=${'['.repeat(99)}`, /nested lists/],
    ['graph "g" { _ = relu(%x) }', /expected name="…"/],
    [
      'graph "g" {\n  input %x: float32[2]\n  %y = relu(%z)\n  output %y\n}',
      /text:3:3: relu 'y': input 'z' is not defined/,
    ],
    ['graph "g" {\n  output %y\n}', /text:2:10: output 'y': no node defines/],
    ['graph "g" { metadata a = "1" metadata a = "2" }', /metadata 'a' is given twice/],
    ['graph "g" { metadata a = "\\q" }', /unknown escape/],
  ];
  test.each(wrong)('%s', (text, message) => {
    expect(() => parseGraph(text)).toThrow(message);
    expect(() => parseGraph(text)).toThrow(expect.objectContaining({ name: 'ModelError' }));
  });

  test('ten thousand damaged texts give a graph or a ModelError', () => {
    const random = createRandom(5);
    const tokens = ['%x', 'relu(', 'const ', 'float32[', 'fill(', '"', '{', '1099511627776', '-1'];
    let accepted = 0;
    for (let round = 0; round < 10_000; round++)
      try {
        expect(verify(parseGraph(damagedText(small, random, tokens)))).toEqual([]);
        accepted++;
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
      }
    expect(accepted).toBeGreaterThan(50);
  });

  test('any damage to a text gives a graph or a ModelError', () => {
    const edit = fc.record({
      at: fc.nat({ max: small.length }),
      drop: fc.nat({ max: 12 }),
      insert: fc.oneof(
        fc.string({ maxLength: 4 }),
        fc.constantFrom('%', '"', '{', '[', '-1', '_', '='),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce(
          (all, { at, drop, insert }) => all.slice(0, at) + insert + all.slice(at + drop),
          small,
        );
        try {
          expect(verify(parseGraph(text))).toEqual([]);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ModelError' });
        }
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});
