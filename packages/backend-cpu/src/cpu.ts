/** The CPU backend: one WebAssembly SIMD module per network. */
import {
  bindForCompile,
  requireSupport,
  type Backend,
  type CompileOptions,
} from '@decouple/backend';
import { OptionError, UnsupportedError } from '@decouple/tensor';
import { detectFeatures } from '@decouple/wasm';
import type { ChoiceOptions } from './choice.ts';
import { CpuExecutable } from './executable.ts';
import { kernels } from './kernels/index.ts';
import { planProgram } from './plan.ts';
import { measureKernels } from './tune.ts';
import { webWorkers, type StartWorker } from './workers.ts';

/** Far beyond what pays; a typing error should not start thousands of workers. */
const mostThreads = 256;

export interface CpuOptions extends Pick<ChoiceOptions, 'winograd' | 'force' | 'rates'> {
  /** Threads to run on, the calling one included. Default 1. Where they can't be had, `info().notes` says why. */
  readonly threads?: number;
  /** How to start workers. Default: Web Workers; in Node pass `nodeWorkers` of @decouple/backend-cpu/node. */
  readonly workers?: StartWorker;
  /** Whether to use fused multiply-add of relaxed SIMD. Default: where the engine has it. */
  readonly fma?: boolean;
  /** Whether to measure the kernels of this very network when compiling, instead of asking the model. */
  readonly tune?: boolean;
}

/** @throws UnsupportedError where the engine lacks what is needed or asked for. */
function chooseFma(asked: boolean | undefined): boolean {
  const { simd, relaxedSimd } = detectFeatures();
  if (!simd)
    throw new UnsupportedError(`this engine has no WebAssembly SIMD; use the reference backend`);
  if (asked && !relaxedSimd)
    throw new UnsupportedError(
      `this engine has no relaxed SIMD; on Node 20 call prepareNode() first, or leave out fma`,
    );
  return asked ?? relaxedSimd;
}

/** @throws OptionError */
function requireThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads)
    throw new OptionError(
      `threads must be a whole number from 1 to ${mostThreads}, got ${threads}`,
    );
}

/** How to start the workers for so many threads; a text says why it can't be. */
function workersFor(threads: number, given: StartWorker | undefined): StartWorker | string {
  if (threads === 1) return '';
  if (!detectFeatures().threads) return 'this engine has no WebAssembly threads';
  return given ?? webWorkers();
}

/** A backend that compiles networks to WebAssembly SIMD; named 'cpu'. */
export function cpu(options: CpuOptions = {}): Backend {
  requireThreads(options.threads ?? 1);
  const backend: Backend = {
    name: 'cpu',
    legalize: 'fold-constants, fold-batch-norm, remove-identity, fuse-activations, fuse-residual',
    supports: (_graph, node) => {
      const entry = kernels[node.op];
      return 'unsupported' in entry ? entry : true;
    },
    compile: async (graph, { bind, threads = options.threads ?? 1 }: CompileOptions = {}) => {
      requireThreads(threads);
      const start = workersFor(threads, options.workers);
      const fma = chooseFma(options.fma);
      requireSupport(backend, graph);
      const bound = bindForCompile(graph, bind);
      const measured = options.tune ? await measureKernels(bound, { ...options, fma }) : undefined;
      const alone = typeof start === 'string';
      const used = alone ? 1 : threads;
      const program = planProgram(bound, { ...options, fma, measured, threads: used });
      const notes = alone && start ? [`one thread instead of ${threads}: ${start}`] : [];
      return CpuExecutable.instantiate(program, fma, notes, alone ? undefined : start);
    },
  };
  return backend;
}
