/** Patches: what they change, what they keep, what they refuse. */
import { float32 } from '@decouple/tensor';
import { describe, expect, test } from 'vitest';
import {
  applyPatch,
  applyPatches,
  makeNode,
  parseGraph,
  printGraph,
  topologicalOrder,
  verify,
  type Graph,
} from '../src/index.ts';

const chain = (): Graph =>
  parseGraph(`graph "chain" {
    input %x: float32[N,2]
    const %w: float32[2,2] = [1, 2, 3, 4]
    const %v: float32[2,2] = [5, 6, 7, 8]
    %a = linear(%x, %w)
    %b = relu(%a)
    %c = linear(%b, %v)
    %d = identity(%c)
    %e = sigmoid(%d)
    output %e
  }`);

const body = (graph: Graph): string[] =>
  printGraph(graph)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('%'));

describe('a patch', () => {
  test('replaces a node by a chain; the value keeps its name', () => {
    const before = chain();
    const after = applyPatch(before, {
      remove: ['a'],
      add: [
        // Given back to front: order is the driver's business.
        makeNode('linear', 'a/second', ['a/first', 'a/q'], {}, { outputs: ['a'], origin: 'a' }),
        makeNode('linear', 'a/first', ['x', 'a/p'], {}, { origin: 'a' }),
      ],
      constants: [
        ['a/p', float32([1, 2], [1, 1])],
        ['a/q', float32([2, 1], [1, 1])],
      ],
    });
    expect(body(after)).toEqual([
      '%a/first = linear(%x, %a/p) @"a"',
      '%a = linear(%a/first, %a/q) name="a/second" @"a"',
      ...body(before).slice(1),
    ]);
    // Constants that nobody reads go, the others are shared.
    expect([...after.constants.keys()]).toEqual(['v', 'a/p', 'a/q']);
    expect(after.constants.get('v')).toBe(before.constants.get('v'));
    expect(before).toEqual(chain());
    expect(verify(after)).toEqual([]);
  });

  test('redirects the readers of a removed identity', () => {
    const after = applyPatch(chain(), { remove: ['d'], redirect: [['d', 'c']] });
    expect(body(after)).toEqual([
      '%a = linear(%x, %w)',
      '%b = relu(%a)',
      '%c = linear(%b, %v)',
      '%e = sigmoid(%c)',
    ]);
  });

  const withOutput = parseGraph(`graph "g" {
    input %x: float32[2]
    %a = relu(%x)
    %b = sigmoid(%a)
    %y = identity(%a)
    output %y, %b
  }`);

  test('redirects an output of the graph, which keeps its name', () => {
    const after = applyPatch(withOutput, { remove: ['y'], redirect: [['y', 'a']] });
    expect(after.outputs).toEqual(['y', 'b']);
    expect(body(after)).toEqual(['%y = relu(%x) name="a"', '%b = sigmoid(%y)']);
    // The maker of the old output goes with it, removed by the patch or not.
    expect(applyPatch(withOutput, { remove: [], redirect: [['y', 'a']] })).toEqual(after);
  });

  test('does not redirect an output to an input or another output', () => {
    expect(() => applyPatch(withOutput, { remove: ['y'], redirect: [['y', 'x']] })).toThrow(
      /output 'y' can't take the place of 'x'/,
    );
    expect(() => applyPatch(withOutput, { remove: ['y'], redirect: [['y', 'b']] })).toThrow(
      /can't take the place of 'b'/,
    );
  });

  test('drops dead nodes and constants', () => {
    const after = applyPatch(chain(), {
      remove: ['c'],
      add: [makeNode('relu', 'c', ['x'], {})],
    });
    expect(body(after)).toEqual(['%c = relu(%x)', '%d = identity(%c)', '%e = sigmoid(%d)']);
    expect(after.constants.size).toBe(0);
  });

  test('adds where nothing is removed, moved only as far as needed', () => {
    const graph = chain();
    const after = applyPatch(graph, {
      remove: [],
      add: [makeNode('tanh', 't', ['a'], {})],
      redirect: [['d', 't']],
    });
    expect(body(after)).toEqual(['%a = linear(%x, %w)', '%t = tanh(%a)', '%e = sigmoid(%t)']);
  });

  test('several at once give what they give one after the other', () => {
    const patches = [
      { remove: ['b'], add: [makeNode('tanh', 'b', ['a'], {})] },
      { remove: ['d'], redirect: [['d', 'c']] as const },
    ];
    expect(applyPatches(chain(), patches)).toEqual(patches.reduce(applyPatch, chain()));
    expect(applyPatches(chain(), [])).toEqual(chain());
  });
});

describe('a patch is refused when', () => {
  const refuse = (patch: Parameters<typeof applyPatch>[1], message: RegExp): void => {
    expect(() => applyPatch(chain(), patch)).toThrow(message);
    expect(() => applyPatch(chain(), patch)).toThrow(
      expect.objectContaining({ name: 'ModelError' }),
    );
  };

  test('it makes a cycle', () => {
    refuse(
      { remove: ['a'], add: [makeNode('relu', 'a', ['c'], {})] },
      /'.' and '.' are part of a cycle/,
    );
  });

  test('a kept value changes its type', () => {
    const patch = {
      remove: ['a'],
      add: [makeNode('linear', 'a', ['x', 'w3'], {})],
      constants: [['w3', float32([3, 2], [1, 2, 3, 4, 5, 6])]] as const,
    };
    const last = parseGraph(printGraph(chain()).replace(/output.*/, 'output %b'));
    expect(() => applyPatch(last, patch)).toThrow(
      /node 'a': value 'a' was float32\[N,2\] and would become float32\[N,3\]/,
    );
    refuse(patch, /linear 'c'/);
  });

  test('a value that is still read goes', () => {
    refuse({ remove: ['a'] }, /relu 'b': input 'a' is not defined/);
    refuse({ remove: ['e'] }, /output 'e': no node defines/);
  });

  test('it removes what is not there, or twice', () => {
    refuse({ remove: ['z'] }, /removes node 'z', which does not exist/);
    const patch = { remove: ['d'], redirect: [['d', 'c']] as const };
    expect(() => applyPatches(chain(), [patch, patch])).toThrow(/two patches remove node 'd'/);
  });

  test('names clash', () => {
    refuse(
      { remove: ['b'], add: [makeNode('relu', 'c', ['a'], {}, { outputs: ['b'] })] },
      /two nodes have this name/,
    );
    refuse(
      {
        remove: ['b'],
        add: [makeNode('linear', 'b', ['a', 'v'], {})],
        constants: [['v', float32([2, 2], [0, 0, 0, 0])]],
      },
      /replaces constant 'v', which 'c' reads/,
    );
  });

  test('but a constant may be replaced together with its readers', () => {
    const after = applyPatch(chain(), {
      remove: ['a'],
      add: [makeNode('linear', 'a', ['x', 'w'], {})],
      constants: [['w', float32([2, 2], [0, 0, 0, 0])]],
    });
    expect(after.constants.get('w')?.data).toEqual(new Float32Array(4));
  });
});

test('an order that is valid stays, however deep the network', () => {
  const nodes = Array.from({ length: 20_000 }, (_, place) =>
    makeNode('relu', `n${place + 1}`, [`n${place}`], {}),
  );
  expect(topologicalOrder(nodes)).toEqual(nodes);
  expect(topologicalOrder([...nodes].reverse())).toEqual(nodes);
});
