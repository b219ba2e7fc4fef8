/** A program on an engine: its memory, its functions, and runs. Nothing is allocated in a run but the results. */
import {
  requireAlive,
  requireInputs,
  StepTimes,
  type Executable,
  type ExecutableInfo,
  type NodeTime,
  type Tensors,
} from '@decouple/backend';
import { interpretNode } from '@decouple/ir';
import { float32, messageOf, sizeOf, UnsupportedError, type Tensor } from '@decouple/tensor';
import { awaitCompiled, pageBytes, webAssembly, type WasmMemory } from '@decouple/wasm';
import { winogradFilters } from './kernels/winograd-filters.ts';
import { pack } from './packing.ts';
import type { DelegatedStep, Port, Program, Step } from './plan.ts';
import { mostPages } from './context.ts';
import { Team } from './team.ts';
import type { StartWorker } from './workers.ts';
import { readStrided, writeStrided } from './transfer.ts';

const systemPageBytes = 4096;
/** Arenas of networks that take a few milliseconds, of which a first run's cold code and caches would be a large part. */
const smallArenaBytes = 2 ** 21;

/** A step made runnable. */
type Action = () => void;

function createMemory(program: Program): WasmMemory {
  const pages = Math.ceil(program.memoryBytes / pageBytes);
  if (pages > mostPages)
    throw new UnsupportedError(
      `'${program.graph.name}' needs ${program.memoryBytes} bytes; WebAssembly addresses 4 GiB. Use a smaller batch`,
    );
  const shared = program.sharing !== undefined;
  try {
    return new webAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (error) {
    throw new UnsupportedError(
      `'${program.graph.name}' needs ${program.memoryBytes} bytes, which the machine can't give: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Systems give memory page by page when it is first written, which the first run would otherwise wait for. */
function touchPages(heap: Float32Array, { memoryBytes, arenaBytes }: Program): void {
  for (let at = memoryBytes - arenaBytes; at < memoryBytes; at += systemPageBytes) heap[at / 4] = 0;
}

/** Values of the host during a run: constants, and results of delegated nodes. */
class HostValues {
  private readonly known: ReadonlyMap<string, Tensor>;
  private readonly values = new Map<string, Tensor>();

  constructor(known: ReadonlyMap<string, Tensor>) {
    this.known = known;
  }

  get(name: string): Tensor | undefined {
    return this.values.get(name) ?? this.known.get(name);
  }

  set(name: string, value: Tensor): void {
    this.values.set(name, value);
  }

  clear(): void {
    this.values.clear();
  }
}

export class CpuExecutable implements Executable {
  private readonly program: Program;
  private readonly fma: boolean;
  private readonly notes: readonly string[];
  private readonly host: HostValues;
  private actions: readonly Action[] = [];
  private heap = new Float32Array(0);
  private team: Team | undefined;
  private alive = true;

  /** Made by `instantiate`. */
  private constructor(program: Program, fma: boolean, notes: readonly string[]) {
    this.program = program;
    this.fma = fma;
    this.notes = notes;
    this.host = new HostValues(program.known);
  }

  /** @param startWorker needed by programs whose calls are shared. */
  static async instantiate(
    program: Program,
    fma: boolean,
    notes: readonly string[],
    startWorker?: StartWorker,
  ): Promise<CpuExecutable> {
    const executable = new CpuExecutable(program, fma, notes);
    const memory = createMemory(program);
    // Compiled by other threads meanwhile.
    const compiled = webAssembly.compile(program.module);
    for (const { address, floats, ...packing } of program.packings)
      pack(new Float32Array(memory.buffer, address, floats), packing, winogradFilters);
    const module = await awaitCompiled(compiled);
    const { exports } = await awaitCompiled(webAssembly.instantiate(module, { env: { memory } }));
    executable.heap = new Float32Array(memory.buffer);
    touchPages(executable.heap, program);
    if (program.sharing && startWorker)
      executable.team = new Team(program.sharing, { module, memory }, startWorker);
    executable.actions = program.steps.map((step, index) =>
      executable.actionOf(step, index, exports),
    );
    if (program.arenaBytes <= smallArenaBytes) executable.warmUp();
    return executable;
  }

  /** Runs once on zeros, so that the first run that is asked for takes as long as later ones. */
  private warmUp(): void {
    const isAlone = this.program.steps.every(({ kind }) => kind === 'kernel') && !this.team;
    if (!isAlone) return;
    for (const action of this.actions) action();
    this.results();
  }

  private actionOf(
    step: Step,
    index: number,
    functions: Readonly<Record<string, unknown>>,
  ): Action {
    const { team } = this;
    if (step.kind === 'delegated')
      return () => {
        this.delegate(step);
        team?.finishDelegated(index);
      };
    const calls = step.calls.map(({ function: name, args, range = [] }): Action => {
      const run = functions[name] as (...args: number[]) => void;
      return team ? () => team.call(run) : run.bind(null, ...args, ...range);
    });
    const [only] = calls;
    if (calls.length === 1 && only) return only;
    return () => {
      for (const call of calls) call();
    };
  }

  private at(port: Port): Float32Array {
    return this.heap.subarray(port.address / 4);
  }

  private delegate({ node, reads, writes }: DelegatedStep): void {
    const operands = new Map(
      reads.map((port) => [port.name, readStrided(this.at(port), port.strides, port.shape)]),
    );
    const inputs = node.inputs.map((name) => operands.get(name) ?? this.host.get(name));
    const results = interpretNode(node, inputs);
    node.outputs.forEach((name, index) => {
      const value = results[index] as Tensor;
      const port = writes.find((write) => write.name === name);
      if (port) writeStrided(this.at(port), port.strides, port.shape, value.data as Float32Array);
      else this.host.set(name, value);
    });
  }

  private load(inputs: Tensors): void {
    requireAlive(this.alive, this.program.graph);
    requireInputs(this.program.graph, inputs);
    for (const { name, address } of this.program.inputs)
      this.heap.set((inputs[name] as Tensor).data as Float32Array, address / 4);
    for (const { name, type } of this.program.graph.inputs)
      if (type.dtype !== 'float32') this.host.set(name, inputs[name] as Tensor);
  }

  private results(): Record<string, Tensor> {
    const outputs = new Map<string, Tensor>();
    for (const name of this.program.graph.outputs) {
      const value = this.host.get(name);
      if (value) outputs.set(name, { ...value, data: value.data.slice() });
    }
    for (const { name, address, shape } of this.program.outputs)
      outputs.set(name, float32(shape, this.heap.slice(address / 4, address / 4 + sizeOf(shape))));
    this.host.clear();
    return Object.fromEntries(outputs);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
  async run(inputs: Tensors): Promise<Record<string, Tensor>> {
    this.load(inputs);
    this.team?.startRun();
    for (const action of this.actions) action();
    return this.results();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
  async profile(inputs: Tensors, runs: number): Promise<readonly NodeTime[]> {
    const times = new StepTimes(this.actions.length);
    for (let run = 0; run < runs; run++) {
      this.load(inputs);
      this.team?.startRun();
      this.actions.forEach((action, step) => {
        const start = performance.now();
        action();
        times.add(step, performance.now() - start);
      });
      this.host.clear();
    }
    return times.summary(
      this.program.steps.map((step) =>
        step.kind === 'kernel'
          ? { nodes: step.nodes, kernel: step.kernel }
          : { nodes: [step.node.name], kernel: `reference ${step.node.op}` },
      ),
    );
  }

  info(): ExecutableInfo {
    const { arenaBytes, weightBytes, module, steps } = this.program;
    return {
      backend: 'cpu',
      simd: true,
      threads: this.program.sharing?.threads ?? 1,
      arenaBytes,
      weightBytes,
      codeBytes: module.length,
      delegated: steps.flatMap((step) =>
        step.kind === 'delegated'
          ? [{ node: step.node.name, to: 'reference', reason: step.reason }]
          : [],
      ),
      notes: [
        this.fma ? 'fused multiply-add (relaxed SIMD)' : 'plain SIMD, no fused multiply-add',
        ...this.notes,
      ],
    };
  }

  dispose(): void {
    this.team?.dismiss();
    this.alive = false;
    this.actions = [];
    this.heap = new Float32Array(0);
    this.host.clear();
  }
}
