/**
 * Turns a bound graph into steps: kernels, nodes left to the interpreter, and the uploads and downloads between them.
 * Nothing here depends on gpu.js but the lanes and the size of textures.
 */
import { knownValues } from '@decouple/backend';
import { staticShape, type Graph, type Node, type ValueType } from '@decouple/ir';
import { floats, type Tensor } from '@decouple/tensor';
import type { Delegation, KernelContext, Planned } from './kernel.ts';
import { kernels } from './kernels/index.ts';
import { rowsOf, storageOf, toTexels, type Storage } from './storage.ts';
import { outputsOf, Writer, type Launch, type Table, type Target } from './writer.ts';

export interface KernelStep {
  readonly kind: 'kernel';
  readonly node: string;
  readonly kernel: string;
  readonly launches: readonly Launch[];
}

/** A value of the host made one of the device. */
export interface UploadStep {
  readonly kind: 'upload';
  readonly value: string;
  readonly launch: Launch;
  /** How the kernel's argument holds the host's elements. */
  readonly rows: Storage;
}

export interface DownloadStep {
  readonly kind: 'download';
  readonly value: string;
  readonly launch: Launch;
  readonly shape: readonly number[];
}

/** A node run by the interpreter on values of the host. */
export interface DelegatedStep {
  readonly kind: 'delegated';
  readonly node: Node;
  readonly reason: string;
}

export type Step = KernelStep | UploadStep | DownloadStep | DelegatedStep;

export interface Plan {
  readonly graph: Graph;
  readonly known: ReadonlyMap<string, Tensor>;
  readonly steps: readonly Step[];
  /** Constants that kernels read as values. */
  readonly constants: ReadonlyMap<string, Table>;
  /** Values that are others under another shape. */
  readonly aliases: ReadonlyMap<string, string>;
}

const tableOf = (storage: Storage, tensor: Tensor): Table => ({
  width: storage.width,
  height: storage.height,
  texels: toTexels(storage, floats(tensor)),
});

class Planner implements KernelContext {
  readonly target: Target;
  private readonly graph: Graph;
  private readonly largest: number;
  private readonly known: ReadonlyMap<string, Tensor>;
  private readonly storages = new Map<string, Storage>();
  private readonly constants = new Map<string, Table>();
  private readonly aliases = new Map<string, string>();
  private readonly steps: Step[] = [];
  private readonly onDevice = new Set<string>();
  private readonly onHost: Set<string>;
  private made = 0;

  constructor(graph: Graph, target: Target, largest: number) {
    this.graph = graph;
    this.target = target;
    this.largest = largest;
    this.known = knownValues(graph);
    this.onHost = new Set([...this.known.keys(), ...graph.inputs.map(({ name }) => name)]);
  }

  plan(): Plan {
    for (const node of this.graph.nodes)
      if (!node.outputs.every((output) => this.known.has(output))) this.planNode(node);
    for (const output of this.graph.outputs) this.bringToHost(output);
    const { graph, known, steps, constants, aliases } = this;
    return { graph, known, steps, constants, aliases };
  }

  storage(value: string): Storage | undefined {
    const found = this.storages.get(value);
    if (found) return found;
    const type = this.graph.types.get(value);
    const shape = type?.dtype === 'float32' ? staticShape(type) : undefined;
    const storage = shape && storageOf(shape, this.target.lanes, this.largest);
    if (storage) this.storages.set(value, storage);
    return storage;
  }

  constant(value: string): Tensor | undefined {
    return this.known.get(value);
  }

  define(tensor: Tensor<'float32'>): string {
    const name = this.temporary(tensor.shape) as string;
    this.constants.set(name, tableOf(this.storages.get(name) as Storage, tensor));
    return name;
  }

  temporary(shape: readonly number[]): string | undefined {
    const storage = storageOf(shape, this.target.lanes, this.largest);
    if (!storage) return undefined;
    // No value of a graph has a name with a line break.
    const name = `\n${this.made++}`;
    this.storages.set(name, storage);
    return name;
  }

  writer(output: string): Writer {
    return new Writer(
      this.target,
      output,
      this.storage(output) as Storage,
      (value) => this.storage(value) as Storage,
    );
  }

  private ask(node: Node): Planned {
    const entry = kernels[node.op];
    if (typeof entry !== 'function')
      return 'delegate' in entry ? entry : { delegate: entry.unsupported };
    return (entry as (node: Node, context: KernelContext) => Planned)(node, this);
  }

  private planNode(node: Node): void {
    const planned = this.ask(node);
    if ('delegate' in planned) {
      this.delegate(node, planned);
      return;
    }
    if ('alias' in planned) {
      this.bringToDevice(planned.alias);
      const output = node.outputs[0] as string;
      this.aliases.set(output, this.rootOf(planned.alias));
      this.onDevice.add(output);
      return;
    }
    const made = new Set(planned.launches.flatMap(outputsOf));
    for (const { inputs } of planned.launches)
      for (const input of inputs) if (!made.has(input)) this.bringToDevice(input);
    for (const output of made) this.onDevice.add(output);
    const { kernel, launches } = planned;
    this.steps.push({ kind: 'kernel', node: node.name, kernel, launches });
  }

  private rootOf(value: string): string {
    return this.aliases.get(value) ?? value;
  }

  private delegate(node: Node, { delegate }: Delegation): void {
    for (const input of node.inputs) if (input) this.bringToHost(input);
    this.steps.push({ kind: 'delegated', node, reason: delegate });
    for (const output of node.outputs) this.onHost.add(output);
  }

  private bringToDevice(value: string): void {
    if (this.onDevice.has(value) || this.constants.has(value)) return;
    const storage = this.storage(value) as Storage;
    const tensor = this.known.get(value);
    if (tensor) {
      this.constants.set(value, tableOf(storage, tensor));
      return;
    }
    const rows = rowsOf(storage.shape, this.largest) as Storage;
    const w = new Writer(this.target, value, storage, () => rows);
    const launch = w.launch(w.read(value, w.own()));
    this.steps.push({ kind: 'upload', value, launch, rows });
    this.onDevice.add(value);
  }

  private bringToHost(value: string): void {
    if (this.onHost.has(value)) return;
    const storage = this.storage(value) as Storage;
    const rows = rowsOf(storage.shape, this.largest) as Storage;
    const w = new Writer(this.target, value, rows, () => storage);
    const launch = w.launch(w.read(value, w.own()));
    const shape = staticShape(this.graph.types.get(value) as ValueType) as number[];
    this.steps.push({ kind: 'download', value, launch, shape });
    this.onHost.add(value);
  }
}

export const planGraph = (graph: Graph, target: Target, largest: number): Plan =>
  new Planner(graph, target, largest).plan();
