/**
 * Ahead of time: a network as one `.wasm` file that needs nothing of this project to run, and the text of a module that
 * loads it (loader.ts).
 */
import { bindForCompile, requireSupport, type CompileOptions } from '@decouple/backend';
import type { Graph } from '@decouple/ir';
import { UnsupportedError } from '@decouple/tensor';
import { pageBytes } from '@decouple/wasm';
import type { ChoiceOptions } from '../choice.ts';
import { cpu } from '../cpu.ts';
import { winogradFilterModule } from '../kernels/winograd-filters.ts';
import { planProgram, type Program } from '../plan.ts';
import { loaderSource } from './loader-source.ts';
import type { Block, Manifest, Port, Storage, StoredConstant } from './manifest.ts';
import { codeBody, customHeaderBytes, customSection, splitSections } from './sections.ts';
import { store } from './storage.ts';

/** Engines refuse larger modules. */
const mostBytes = 2 ** 30;

export interface AheadOptions extends Pick<ChoiceOptions, 'winograd' | 'rates'> {
  readonly bind?: CompileOptions['bind'] | undefined;
  /** How weights are stored; biases and what is not per channel stay float32. Default 'f32'. */
  readonly weights?: Exclude<Storage, 'i32'> | undefined;
}

/** A network as files. */
export interface AheadFiles {
  /** The `.wasm` file, in pieces. */
  readonly wasm: readonly Uint8Array[];
  /** The loader as a module, and its types. */
  readonly js: string;
  readonly types: string;
  /** Of the instructions for engines with and without fused multiply-add, and for preparing weights. */
  readonly codeBytes: number;
}

/** @throws UnsupportedError naming what only runs with this project at hand. */
function requireAlone({ steps, graph }: Program): void {
  const delegated = steps.flatMap((step) =>
    step.kind === 'delegated' ? [`${step.node.op} '${step.node.name}': ${step.reason}`] : [],
  );
  const foreign = graph.inputs
    .filter(({ type }) => type.dtype !== 'float32')
    .map(({ name, type }) => `input '${name}' is ${type.dtype}`);
  const reasons = [...delegated, ...foreign];
  if (reasons.length)
    throw new UnsupportedError(
      `'${graph.name}' can't be compiled to a file of its own: ${reasons.join('; ')}`,
    );
}

/** Constants as they are stored, each once. */
class Store {
  readonly parts: Uint8Array[] = [];
  readonly constants: StoredConstant[] = [];
  private readonly numbers = new Map<Float32Array | Int32Array, number>();
  private bytes: number;

  /** @param padding bytes at the start, that bring the rest to a multiple of 4 in the file. */
  constructor(padding: number) {
    this.bytes = padding;
    this.parts.push(new Uint8Array(padding));
  }

  /** The number of a constant. @param channels of its first axis, where it has others. */
  add(values: Float32Array | Int32Array, storage: Storage, channels: number): number {
    const known = this.numbers.get(values);
    if (known !== undefined) return known;
    const stored = store(values, storage, channels);
    const number = this.constants.length;
    this.constants.push({
      storage: stored.storage,
      at: this.bytes,
      length: values.length,
      ...(stored.channels === undefined ? {} : { channels: stored.channels }),
    });
    const padding = (4 - (stored.bytes.length % 4)) % 4;
    this.parts.push(stored.bytes, new Uint8Array(padding));
    this.bytes += stored.bytes.length + padding;
    this.numbers.set(values, number);
    return number;
  }
}

/** Output channels of what a packing reads, 0 for what is not weights. */
function channelsOf({ order }: Program['packings'][number]): number {
  if (order.kind !== 'gemm' && order.kind !== 'winograd' && order.kind !== 'depthwise') return 0;
  return order.sizes.groups * order.sizes.outChannels;
}

function manifestOf(program: Program, constants: Store, storage: Storage): Manifest {
  const blocks = program.packings.map((packing): Block => {
    const { address, floats, order, source } = packing;
    const channels = channelsOf(packing);
    const constant = constants.add(source, channels ? storage : 'f32', channels);
    return { address, floats, constant, order };
  });
  const port = ({ name, shape, address }: Port): Port => ({ name, shape, address });
  return {
    pages: Math.ceil(program.memoryBytes / pageBytes),
    inputs: program.inputs.map(port),
    outputs: program.outputs.map(port),
    constants: constants.constants,
    blocks,
  };
}

const hasWinograd = ({ blocks }: Manifest): boolean =>
  blocks.some(({ order }) => order.kind === 'winograd');

/**
 * Compiles a network to files.
 * @param graph in the form that the backend compiles (`legalize`).
 * @throws UnsupportedError when some of it only runs with this project at hand, or it is too large.
 */
export function compileAhead(graph: Graph, options: AheadOptions = {}): AheadFiles {
  requireSupport(cpu(), graph);
  const bound = bindForCompile(graph, options.bind);
  const [plain, fused] = [false, true].map((fma) =>
    planProgram(bound, { ...options, fma, alone: true }),
  ) as [Program, Program];
  requireAlone(plain);
  const padding = (4 - ((plain.module.length + customHeaderBytes('weights')) % 4)) % 4;
  const constants = new Store(padding);
  const manifest = manifestOf(plain, constants, options.weights ?? 'f32');
  const filters = hasWinograd(manifest) ? winogradFilterModule() : undefined;
  const fusedCode = codeBody(splitSections(fused.module));
  const wasm = [
    plain.module,
    ...customSection('weights', constants.parts),
    ...(filters ? customSection('winograd', [filters]) : []),
    ...customSection('fma', [fusedCode]),
    ...customSection('decouple', [new TextEncoder().encode(JSON.stringify(manifest))]),
  ];
  const bytes = wasm.reduce((sum, { length }) => sum + length, 0);
  if (bytes > mostBytes)
    throw new UnsupportedError(
      `'${graph.name}' would be a file of ${bytes} bytes; engines take 1 GiB. Store weights as f16 or i8`,
    );
  const codeBytes = plain.module.length + fusedCode.length + (filters?.length ?? 0);
  return { wasm, js: loaderSource, types: typesFor(manifest), codeBytes };
}

const record = (ports: readonly Port[], type: string): string =>
  `{ ${ports.map(({ name }) => `readonly ${JSON.stringify(name)}: ${type}`).join('; ')} }`;

/** Types of the loader, with the names of the network's own inputs and outputs. */
const typesFor = ({ inputs, outputs }: Manifest): string => `/** A network that was loaded. */
export interface Model {
  /** Shapes, NCHW. */
  readonly inputs: ${record(inputs, 'readonly number[]')};
  readonly outputs: ${record(outputs, 'readonly number[]')};
  /** Whether fused multiply-add is in use. */
  readonly fma: boolean;
  /** Runs once. Values are row-major; the results belong to the caller. */
  run(inputs: ${record(inputs, 'Float32Array')}): ${record(outputs, 'Float32Array')};
}

/** @param source where the .wasm file is, or its bytes; by default beside this module. */
export declare function load(source?: string | URL | Uint8Array): Promise<Model>;
`;
