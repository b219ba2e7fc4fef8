/** A plan on a device: constants are uploaded once, values stay there between kernels, outputs come back. */
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
import { float32, floats, sizeOf, type Tensor } from '@decouple/tensor';
import type { Device, Program, Reader, Resource } from './device.ts';
import type { DelegatedStep, DownloadStep, KernelStep, Plan, Step, UploadStep } from './plan.ts';
import { fromTexels, toTexels } from './storage.ts';
import { outputsOf, type Launch } from './writer.ts';

/** A step made runnable. */
type Action = () => void;

export class GpuExecutable implements Executable {
  private readonly plan: Plan;
  private readonly device: Device;
  private readonly notes: readonly string[];
  private readonly release: () => void;
  private readonly constants = new Map<string, Resource>();
  private readonly tables: Resource[] = [];
  private readonly kernels: (Program | Reader)[] = [];
  private readonly values = new Map<string, Resource>();
  private readonly host = new Map<string, Tensor>();
  private readonly actions: readonly Action[];
  private alive = true;

  /** @param release called once when disposed. */
  constructor(plan: Plan, device: Device, notes: readonly string[], release: () => void) {
    this.plan = plan;
    this.device = device;
    this.notes = notes;
    this.release = release;
    for (const [name, table] of plan.constants) this.constants.set(name, device.constant(table));
    this.actions = plan.steps.map((step) => this.actionOf(step));
  }

  private actionOf(step: Step): Action {
    switch (step.kind) {
      case 'kernel':
        return this.kernelAction(step);
      case 'upload':
        return this.uploadAction(step);
      case 'download':
        return this.downloadAction(step);
      case 'delegated':
        return () => this.delegate(step);
    }
  }

  private program(launch: Launch): Program {
    const constants = Object.fromEntries(
      launch.tables.map((table, index) => {
        const resource = this.device.constant(table);
        this.tables.push(resource);
        return [`w${index}`, resource];
      }),
    );
    const program = this.device.program(launch, constants);
    this.kernels.push(program);
    return program;
  }

  private resource(value: string): Resource {
    const root = this.plan.aliases.get(value) ?? value;
    return (this.constants.get(root) ?? this.values.get(root)) as Resource;
  }

  private kernelAction({ launches }: KernelStep): Action {
    const programs = launches.map((launch) => ({ launch, program: this.program(launch) }));
    return () => {
      for (const { launch, program } of programs) {
        const results = program.run(launch.inputs.map((input) => this.resource(input)));
        outputsOf(launch).forEach((name, index) =>
          this.values.set(name, results[index] as Resource),
        );
      }
    };
  }

  private uploadAction({ value, launch, rows }: UploadStep): Action {
    const program = this.program(launch);
    return () => {
      const data = toTexels(rows, floats(this.hostValue(value) as Tensor));
      const [result] = program.run([this.device.rows(data, rows.width, rows.height)]);
      this.values.set(value, result as Resource);
    };
  }

  private downloadAction({ value, launch, shape }: DownloadStep): Action {
    const reader = this.device.reader(launch);
    this.kernels.push(reader);
    return () => {
      const texels = reader.read([this.resource(value)]);
      const data = launch.storage.folded
        ? fromTexels(launch.storage, texels)
        : texels.subarray(0, sizeOf(shape));
      this.host.set(value, float32(shape, data));
    };
  }

  private hostValue(name: string): Tensor | undefined {
    return this.host.get(name) ?? this.plan.known.get(name);
  }

  private delegate({ node }: DelegatedStep): void {
    const results = interpretNode(
      node,
      node.inputs.map((name) => this.hostValue(name)),
    );
    node.outputs.forEach((name, index) => this.host.set(name, results[index] as Tensor));
  }

  private load(inputs: Tensors): void {
    requireAlive(this.alive, this.plan.graph);
    requireInputs(this.plan.graph, inputs);
    for (const { name } of this.plan.graph.inputs) this.host.set(name, inputs[name] as Tensor);
  }

  private results(): Record<string, Tensor> {
    const { outputs } = this.plan.graph;
    return Object.fromEntries(
      outputs.map((name) => {
        const value = this.hostValue(name) as Tensor;
        return [name, { ...value, data: value.data.slice() }];
      }),
    );
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
  async run(inputs: Tensors): Promise<Record<string, Tensor>> {
    this.load(inputs);
    for (const action of this.actions) action();
    const results = this.results();
    this.host.clear();
    return results;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
  async profile(inputs: Tensors, runs: number): Promise<readonly NodeTime[]> {
    const times = new StepTimes(this.actions.length);
    for (let run = 0; run < runs; run++) {
      this.load(inputs);
      this.actions.forEach((action, step) => {
        const start = performance.now();
        action();
        this.device.finish();
        times.add(step, performance.now() - start);
      });
      this.host.clear();
    }
    return times.summary(this.plan.steps.map((step) => describe(step)));
  }

  info(): ExecutableInfo {
    const { target, mode } = this.device;
    const bytesOf = (launch: Launch): number =>
      4 * launch.storage.width * launch.storage.height * target.lanes * outputsOf(launch).length;
    const launches = this.plan.steps.flatMap(launchesOf);
    const tables = [
      ...this.plan.constants.values(),
      ...launches.flatMap((launch) => launch.tables),
    ];
    return {
      backend: `gpu (${mode})`,
      simd: mode === 'webassembly',
      threads: 1,
      arenaBytes: launches.reduce((total, launch) => total + bytesOf(launch), 0),
      weightBytes: tables.reduce((total, { texels }) => total + texels.byteLength, 0),
      codeBytes: launches.reduce((total, { source }) => total + source.length, 0),
      delegated: this.plan.steps.flatMap((step) =>
        step.kind === 'delegated'
          ? [{ node: step.node.name, to: 'reference', reason: step.reason }]
          : [],
      ),
      notes: this.notes,
    };
  }

  dispose(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const kernel of this.kernels) kernel.dispose();
    for (const resource of [...this.constants.values(), ...this.tables]) this.device.free(resource);
    this.constants.clear();
    this.values.clear();
    this.host.clear();
    this.release();
  }
}

function launchesOf(step: Step): readonly Launch[] {
  if (step.kind === 'delegated') return [];
  return step.kind === 'kernel' ? step.launches : [step.launch];
}

function describe(step: Step): Pick<NodeTime, 'nodes' | 'kernel'> {
  switch (step.kind) {
    case 'kernel':
      return { nodes: [step.node], kernel: step.kernel };
    case 'delegated':
      return { nodes: [step.node.name], kernel: `reference ${step.node.op}` };
    case 'upload':
    case 'download':
      return { nodes: [], kernel: `${step.kind} ${step.value}` };
  }
}
