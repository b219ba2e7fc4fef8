/** The reference interpreter as a backend: slow, exact, runs every op but opaque ones. */
import { interpret, type Graph } from '@decouple/ir';
import { bindForCompile, requireAlive, requireInputs, requireSupport } from './compile-checks.ts';
import type { Backend, Executable, ExecutableInfo } from './contract.ts';
import { StepTimes } from './profiling.ts';

const info: ExecutableInfo = {
  backend: 'reference',
  simd: false,
  threads: 1,
  arenaBytes: 0,
  weightBytes: 0,
  codeBytes: 0,
  delegated: [],
  notes: ['plain loops over typed arrays; values are allocated in each run'],
};

function executableOf(graph: Graph): Executable {
  let alive = true;
  const check = (inputs: Parameters<Executable['run']>[0]): void => {
    requireAlive(alive, graph);
    requireInputs(graph, inputs);
  };
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
    run: async (inputs) => {
      check(inputs);
      return interpret(graph, inputs);
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
    profile: async (inputs, runs) => {
      check(inputs);
      const steps = new Map(graph.nodes.map((node, index) => [node, index]));
      const times = new StepTimes(steps.size);
      for (let run = 0; run < runs; run++) {
        let last = performance.now();
        interpret(graph, inputs, {
          onValue: (name, _value, node) => {
            if (name !== node.outputs[0]) return;
            const now = performance.now();
            times.add(steps.get(node) as number, now - last);
            last = now;
          },
        });
      }
      return times.summary(
        graph.nodes.map((node) => ({ nodes: [node.name], kernel: `reference ${node.op}` })),
      );
    },
    info: () => info,
    dispose: () => {
      alive = false;
    },
  };
}

/** The interpreter of `@decouple/ir` behind the contract; named 'reference'. */
export function interpreterBackend(): Backend {
  const backend: Backend = {
    name: 'reference',
    legalize: '',
    supports: (_graph, node) =>
      node.op === 'opaque' ? { unsupported: 'an opaque op has no reference semantics' } : true,
    // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
    compile: async (graph, options) => {
      requireSupport(backend, graph);
      return executableOf(bindForCompile(graph, options?.bind));
    },
  };
  return backend;
}
