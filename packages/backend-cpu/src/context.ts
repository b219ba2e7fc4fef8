/** Collects what kernels ask for while a network is planned: functions, packed weights, tables, scratch memory. */
import { ModuleBuilder } from '@decouple/wasm';
import { invariant, isFloat32, type Tensor } from '@decouple/tensor';
import type { KernelChoices } from './choice.ts';
import type { Emitter, KernelContext, Pointer } from './kernel.ts';
import type { ConvKernel } from './kernels/conv-candidates.ts';
import { denseStrides, type Address, type View } from './layout.ts';
import type { Packing } from './packing.ts';

/** Bytes after the last buffer that vector loads may touch. */
export const slackBytes = 1024;
/** Pages of 64 KiB that 32 bits address. */
export const mostPages = 65536;
const alignment = 64;

/** Where packed weights go: bytes from the first one. */
export interface WeightBlock extends Packing {
  readonly offset: number;
  readonly floats: number;
}

/** Scratch memory used at one step. */
export interface ScratchRequest {
  readonly floats: number;
  readonly step: number;
}

export class PlanContext implements KernelContext {
  readonly fma: boolean;
  readonly scratchRequests: ScratchRequest[] = [];
  weightBytes = 0;
  /** The step that is being planned: scratch memory is needed there. */
  step = 0;

  private readonly choices: KernelChoices;
  private readonly known: ReadonlyMap<string, Tensor>;
  private readonly views: ReadonlyMap<string, View>;
  private readonly firstScratch: number;
  private readonly module: ModuleBuilder;
  private readonly functions = new Map<string, string>();
  private readonly builders = new Map<string, Emitter>();
  readonly blocks: WeightBlock[] = [];
  private readonly constantViews = new Map<string, View>();

  constructor(options: {
    readonly fma: boolean;
    /** Whether several threads use the memory. */
    readonly shared: boolean;
    readonly choices: KernelChoices;
    readonly known: ReadonlyMap<string, Tensor>;
    readonly views: ReadonlyMap<string, View>;
    /** Number of the first arena buffer that is scratch memory. */
    readonly firstScratch: number;
  }) {
    this.fma = options.fma;
    this.choices = options.choices;
    this.known = options.known;
    this.views = options.views;
    this.firstScratch = options.firstScratch;
    const shared = options.shared ? { shared: true, maxPages: mostPages } : {};
    this.module = new ModuleBuilder({
      memory: { pages: 1, import: ['env', 'memory'], ...shared },
    });
  }

  choice(node: string): ConvKernel | undefined {
    return this.choices.get(node);
  }

  constant(value: string): Tensor | undefined {
    return this.known.get(value);
  }

  view(value: string): View | undefined {
    const view = this.views.get(value) ?? this.constantViews.get(value);
    const constant = this.known.get(value);
    if (view || !constant || !isFloat32(constant)) return view;
    const { shape, data } = constant;
    const strides = denseStrides(shape);
    const order = { kind: 'strided', strides, shape } as const;
    const address = this.weights(data.length, { order, source: data });
    const made: View = { shape, strides, address };
    this.constantViews.set(value, made);
    return made;
  }

  function(
    kind: string,
    parameters: unknown,
    arity: number,
    emit: (f: Emitter, args: Pointer[]) => void,
  ): string {
    const key = `${kind}${JSON.stringify(parameters)}/${arity}`;
    const known = this.functions.get(key);
    if (known) return known;
    const name = `${kind}_${this.functions.size}`;
    const builder = this.exported(name, arity);
    emit(builder, builder.args as Pointer[]);
    this.functions.set(key, name);
    return name;
  }

  /** A new exported function of `arity` numbers. */
  exported(name: string, arity: number): Emitter {
    const params = Array.from({ length: arity }, () => 'i32' as const);
    const builder = this.module.function(name, { params, export: true });
    this.builders.set(name, builder);
    return builder;
  }

  /** A function of this name that was emitted before. */
  emitted(name: string): Emitter {
    const builder = this.builders.get(name);
    invariant(builder, `no function '${name}' was emitted`);
    return builder;
  }

  weights(floats: number, packing: Packing | undefined): Address {
    const offset = this.weightBytes;
    if (packing) this.blocks.push({ ...packing, offset, floats });
    this.weightBytes = Math.ceil((offset + 4 * floats) / alignment) * alignment;
    return { space: 'weights', buffer: 0, offset };
  }

  table(values: readonly number[]): Address {
    const source = Int32Array.from(values);
    return this.weights(values.length, { order: { kind: 'plain' }, source });
  }

  scratch(floats: number): Address {
    this.scratchRequests.push({ floats, step: this.step });
    return {
      space: 'arena',
      buffer: this.firstScratch + this.scratchRequests.length - 1,
      offset: 0,
    };
  }

  encode(): Uint8Array {
    return this.module.encode();
  }
}
