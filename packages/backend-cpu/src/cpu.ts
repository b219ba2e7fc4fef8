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

export interface CpuOptions extends Pick<ChoiceOptions, 'winograd' | 'force'> {
  /** Workers to use; this version runs on one whatever is asked, and says so in `info().notes`. */
  readonly threads?: number;
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

function notesOn(threads: number): string[] {
  if (!Number.isInteger(threads) || threads < 1)
    throw new OptionError(`threads must be a whole number ≥ 1, got ${threads}`);
  return threads === 1 ? [] : [`${threads} threads asked for; this version runs on one`];
}

/** A backend that compiles networks to WebAssembly SIMD; named 'cpu'. */
export function cpu(options: CpuOptions = {}): Backend {
  notesOn(options.threads ?? 1);
  const backend: Backend = {
    name: 'cpu',
    legalize: 'fold-constants, fold-batch-norm, remove-identity, fuse-activations, fuse-residual',
    supports: (_graph, node) => {
      const entry = kernels[node.op];
      return 'unsupported' in entry ? entry : true;
    },
    compile: async (graph, { bind, threads = options.threads ?? 1 }: CompileOptions = {}) => {
      const notes = notesOn(threads);
      const fma = chooseFma(options.fma);
      requireSupport(backend, graph);
      const bound = bindForCompile(graph, bind);
      const measured = options.tune ? await measureKernels(bound, { ...options, fma }) : undefined;
      const program = planProgram(bound, { ...options, fma, measured });
      return CpuExecutable.instantiate(program, fma, notes);
    },
  };
  return backend;
}
