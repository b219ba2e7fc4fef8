/**
 * Turns a bound graph into a program: steps of generated functions or interpreted nodes, the module's bytes, and one
 * plan of memory: [64 bytes unused | packed weights | arena | slack]. Nothing here depends on the engine.
 */
import { knownValues, planMemory } from '@decouple/backend';
import type { Graph, Node, NodeOf } from '@decouple/ir';
import { chooseKernels, type ChoiceOptions } from './choice.ts';
import { PlanContext, slackBytes } from './context.ts';
import { borderCalls } from './kernels/border.ts';
import { kernels } from './kernels/index.ts';
import { isPlain, rowMajorView } from './kernels/movement.ts';
import { copyCalls } from './kernels/map.ts';

import type { Call, Delegation, KernelContext, KernelPlan } from './kernel.ts';
import { counterWords, shareWork, type Sharing } from './sharing.ts';
import type { Packing } from './packing.ts';
import { planLayout, type Address, type Layout, type View } from './layout.ts';
import { interleave, regionsOf, stepsOf, type Region } from './regions.ts';
import { invariant, sizeOf, type Tensor } from '@decouple/tensor';

/** A call with its addresses settled. */
export interface PlacedCall {
  readonly function: string;
  readonly args: readonly number[];
  readonly range?: readonly [number, number];
}

/** Where a tensor crosses between host and arena, in row-major order unless `strides` say otherwise. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Byte address. */
  readonly address: number;
}

export interface KernelStep {
  readonly kind: 'kernel';
  readonly nodes: readonly string[];
  readonly kernel: string;
  readonly calls: readonly PlacedCall[];
}

/** A node run by the interpreter on tensors of the host. */
export interface DelegatedStep {
  readonly kind: 'delegated';
  readonly node: Node;
  readonly reason: string;
  /** Operands and results kept in the arena. */
  readonly reads: readonly Port[];
  readonly writes: readonly Port[];
}

export type Step = KernelStep | DelegatedStep;

export interface Program {
  readonly graph: Graph;
  readonly known: ReadonlyMap<string, Tensor>;
  readonly steps: readonly Step[];
  /** Given when the calls are split among threads. */
  readonly sharing: Sharing | undefined;
  /** Row-major places of the graph's float32 inputs and outputs. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly module: Uint8Array;
  readonly memoryBytes: number;
  readonly arenaBytes: number;
  readonly weightBytes: number;
  /** What goes where in the packed weights; by byte address. */
  readonly packings: readonly (Packing & { readonly address: number; readonly floats: number })[];
}

type UnplacedStep =
  | { readonly nodes: readonly string[]; readonly plan: KernelPlan }
  | { readonly node: Node; readonly delegation: Delegation };

function planNode(node: Node, context: KernelContext): KernelPlan | Delegation {
  const entry = kernels[node.op];
  if (typeof entry !== 'function')
    return 'delegate' in entry ? entry : { delegate: entry.unsupported };
  return (entry as (node: Node, context: KernelContext) => KernelPlan | Delegation)(node, context);
}

export interface PlanOptions extends ChoiceOptions {
  /** Whether to emit fused multiply-add. */
  readonly fma: boolean;
  /** How many threads the calls are split for. Default 1. */
  readonly threads?: number;
  /** Whether the module has a function `run` that makes all calls. */
  readonly alone?: boolean;
}

/** `run()`: all calls, one after the other. */
function emitRun(context: PlanContext, steps: readonly Step[]): void {
  const f = context.exported('run', 0);
  for (const step of steps)
    if (step.kind === 'kernel')
      for (const { function: name, args, range = [] } of step.calls) {
        for (const value of [...args, ...range]) f.i32(value);
        f.call(context.emitted(name));
      }
}

class Planner {
  private readonly graph: Graph;
  private readonly known: ReadonlyMap<string, Tensor>;
  private readonly layout: Layout;
  private readonly context: PlanContext;
  private readonly regions: ReadonlyMap<number, Region>;
  private readonly steps: UnplacedStep[] = [];
  private readonly threads: number;
  private readonly alone: boolean;

  constructor(graph: Graph, options: PlanOptions) {
    this.graph = graph;
    this.threads = options.threads ?? 1;
    this.alone = options.alone ?? false;
    this.known = knownValues(graph);
    const choices = chooseKernels(graph, this.known, options);
    this.regions = regionsOf(graph, this.known, choices);
    const steps = stepsOf(graph, this.regions);
    this.layout = planLayout(graph, this.known, { choices, steps });
    this.context = new PlanContext({
      fma: options.fma,
      shared: this.threads > 1,
      choices,
      known: this.known,
      views: this.layout.views,
      firstScratch: this.layout.storages.length,
    });
  }

  /** Zeroes the halos of storages whose life starts at this step. */
  private borders(step: number): Call[] {
    return this.layout.storages.flatMap((storage, index) =>
      storage.from === step ? borderCalls(this.context, storage, index) : [],
    );
  }

  /** A row-major place for a value that crosses to or from the host, and the calls that convert. */
  private port(name: string, direction: 'in' | 'out'): { view: View; calls: Call[] } | undefined {
    const view = this.layout.views.get(name);
    if (!view) return undefined;
    if (isPlain(view)) return { view, calls: [] };
    const staging = rowMajorView(view.shape, this.context.scratch(sizeOf(view.shape)));
    const [to, from] = direction === 'in' ? [view, staging] : [staging, view];
    return { view: staging, calls: copyCalls(this.context, to, from) };
  }

  private ports(
    names: readonly string[],
    direction: 'in' | 'out',
    step: number,
  ): Map<string, View> {
    this.context.step = step;
    const calls = this.borders(step);
    const ports = new Map<string, View>();
    for (const name of names) {
      const port = this.port(name, direction);
      if (!port) continue;
      ports.set(name, port.view);
      calls.push(...port.calls);
    }
    if (calls.length)
      this.steps.push({
        nodes: [],
        plan: { kernel: direction === 'in' ? 'convert inputs' : 'convert outputs', calls },
      });
    return ports;
  }

  private nodeStep(node: Node, step: number): void {
    if (node.outputs.every((output) => this.known.has(output))) return;
    this.context.step = step;
    const plan = planNode(node, this.context);
    const borders = this.borders(step);
    if ('delegate' in plan) {
      if (borders.length)
        this.steps.push({ nodes: [], plan: { kernel: 'border', calls: borders } });
      this.steps.push({ node, delegation: plan });
    } else if (plan.calls.length)
      this.steps.push({
        nodes: [node.name],
        plan: { ...plan, calls: [...borders, ...plan.calls] },
      });
  }

  /** Two nodes in strips. */
  private regionStep(region: Region, step: number): void {
    this.context.step = step;
    const nodes = this.graph.nodes.slice(region.first, region.first + 2) as NodeOf<'conv2d'>[];
    const plans = nodes.map((node) => planNode(node, this.context)) as KernelPlan[];
    const [first, second] = plans.map(({ calls }) => calls[0]);
    invariant(first && second, 'a member of a region has no call');
    const kernelRows = this.known.get(nodes[1]?.inputs[1] ?? '')?.shape[2] ?? 1;
    const calls = interleave(region, [first, second], nodes[1] as NodeOf<'conv2d'>, {
      kernelRows,
      threads: this.threads,
    });
    this.steps.push({
      nodes: nodes.map(({ name }) => name),
      plan: {
        kernel: plans.map(({ kernel }) => kernel).join(' + '),
        calls: [...this.borders(step), ...calls],
      },
    });
  }

  private nodeSteps(): void {
    this.graph.nodes.forEach((node, index) => {
      const region = this.regions.get(index);
      if (region) this.regionStep(region, index + 1);
      else if (!this.regions.has(index - 1)) this.nodeStep(node, index + 1);
    });
  }

  plan(): Program {
    const { graph, context, known, threads } = this;
    const inputs = this.ports(
      graph.inputs.map((input) => input.name),
      'in',
      0,
    );
    this.nodeSteps();
    const outputs = this.ports(graph.outputs, 'out', graph.nodes.length + 1);
    const requests = [
      ...this.layout.storages.map(({ floats, from, to, inPlaceOf }) => ({
        bytes: 4 * floats,
        from,
        to,
        ...(inPlaceOf === undefined ? {} : { inPlaceOf }),
      })),
      ...context.scratchRequests.map(({ floats, step }) => ({
        bytes: 4 * floats,
        from: step,
        to: step,
      })),
    ];
    const calls = this.steps.reduce(
      (sum, step) => sum + ('plan' in step ? step.plan.calls.length : 1),
      0,
    );
    const counters =
      threads > 1 ? context.table(new Array<number>(counterWords(calls)).fill(0)) : null;
    const { offsets, arenaBytes } = planMemory(requests);
    const weightBase = 64;
    const arenaBase = weightBase + context.weightBytes;
    const place = (address: Address | number | null): number => {
      if (!address || typeof address === 'number') return address ?? 0;
      if (address.space === 'weights') return weightBase + address.offset;
      return arenaBase + (offsets[address.buffer] as number) + address.offset;
    };
    const portOf = (name: string, view: View): Port => ({
      ...view,
      name,
      address: place(view.address),
    });
    const placed = this.steps.map((step) => this.placeStep(step, place, portOf));
    const shared = counters ? shareWork(context, placed, place(counters), threads) : undefined;
    if (this.alone) emitRun(context, placed);
    return {
      graph,
      known,
      steps: shared?.steps ?? placed,
      sharing: shared?.sharing,
      inputs: [...inputs].map(([name, view]) => portOf(name, view)),
      outputs: [...outputs].map(([name, view]) => portOf(name, view)),
      module: context.encode(),
      memoryBytes: arenaBase + arenaBytes + slackBytes,
      arenaBytes,
      weightBytes: context.weightBytes,
      packings: context.blocks.map(({ offset, ...block }) => ({
        ...block,
        address: weightBase + offset,
      })),
    };
  }

  private placeStep(
    step: UnplacedStep,
    place: (address: Address | number | null) => number,
    portOf: (name: string, view: View) => Port,
  ): Step {
    if ('plan' in step) {
      const calls = step.plan.calls.map((call) => ({ ...call, args: call.args.map(place) }));
      return { kind: 'kernel', nodes: step.nodes, kernel: step.plan.kernel, calls };
    }
    const { node, delegation } = step;
    const ports = (names: readonly string[]): Port[] =>
      [...new Set(names)].flatMap((name) => {
        const view = this.layout.views.get(name);
        return view ? [portOf(name, view)] : [];
      });
    const reason = delegation.delegate;
    return {
      kind: 'delegated',
      node,
      reason,
      reads: ports(node.inputs),
      writes: ports(node.outputs),
    };
  }
}

/** @param graph with all symbols bound. */
export const planProgram = (graph: Graph, options: PlanOptions): Program =>
  new Planner(graph, options).plan();
