/**
 * gpu.js in one mode: kernels, constants and results that stay where it computes. Every call that depends on how gpu.js
 * works is in this file.
 */
import { InvariantError, messageOf, UnsupportedError } from '@decouple/tensor';
import type * as Library from 'gpu.js';
import { createContext, type GlContext } from './gl.ts';
import { hasTextures, libraryNames, targetOf, type GpuMode } from './modes.ts';
import { range, type Launch, type Table, type Target } from './writer.ts';

/** A texture, or an array with its size where gpu.js has no textures. */
export type Resource = Library.Texture | Library.Input;

/** A kernel that keeps its results on the device; each run writes over those of the one before. */
export interface Program {
  /** @returns the output, then the values made beside it. */
  run(inputs: readonly Resource[]): readonly Resource[];
  dispose(): void;
}

/** A kernel whose result comes back, as rows. */
export interface Reader {
  read(inputs: readonly Resource[]): Float32Array;
  dispose(): void;
}

type Run = Library.IKernelRunShortcut;
type Native = { name: string; source: string; returnType: Library.GPUVariableType };

/** Loops have literal bounds; this only keeps gpu.js from cutting them. */
const loopMaxIterations = 1 << 24;

/** The classes that gpu.js runs kernels with; another one means that it fell back. */
const kernelClasses = {
  webgl2: 'WebGL2Kernel',
  'headless-gl': 'HeadlessGLKernel',
  webassembly: 'WebAssemblyKernel',
  cpu: 'CPUKernel',
} as const satisfies Record<GpuMode, string>;

/** GLSL for what kernels ask of `Target.native`. */
function nativesOf(source: string): Native[] {
  const calls = new Set(
    [...source.matchAll(/(texel|texelWithin)_\w+(?=\()/g)].map(([name]) => name),
  );
  const fetches = [...calls].map((call): Native => {
    const [kind, name] = call.split('_') as [string, string];
    const fetch = `texelFetch(${name.startsWith('w') ? 'constants' : 'user'}_${name}, ivec2(column, row), 0)`;
    return {
      name: call,
      source:
        kind === 'texel'
          ? `vec4 ${call}(int row, int column) { return ${fetch}; }`
          : `vec4 ${call}(int row, int column, int index, int size) { return index >= 0 && index < size ? ${fetch} : vec4(0.0); }`,
      returnType: 'Array(4)',
    };
  });
  if (!/quotient\(/.test(source)) return fetches;
  const quotient = 'int quotient(int index, int divisor) { return index / divisor; }';
  return [...fetches, { name: 'quotient', source: quotient, returnType: 'Integer' }];
}

/** Rows of a result as one array: a view where gpu.js made them so. */
function flat(rows: readonly Float32Array[], width: number): Float32Array {
  const [first] = rows;
  if (!first) throw new InvariantError('gpu.js gave no result');
  const all = width * rows.length;
  if (first.buffer.byteLength === 4 * all) return new Float32Array(first.buffer, 0, all);
  const joined = new Float32Array(all);
  rows.forEach((row, index) => joined.set(row, index * width));
  return joined;
}

export class Device {
  readonly mode: GpuMode;
  readonly target: Target;
  /** Rows and columns of the largest texture. */
  readonly largest: number;
  private readonly library: typeof Library;
  private readonly gpu: Library.GPU;
  private readonly context: GlContext | undefined;
  private readonly onTextures: boolean;
  private readonly pixel = new Float32Array(4);

  /** @throws UnsupportedError when the machine refuses. */
  constructor(library: typeof Library, mode: GpuMode, packed: boolean) {
    this.library = library;
    this.mode = mode;
    this.target = targetOf(mode, packed);
    this.onTextures = hasTextures(mode);
    try {
      this.gpu = this.open();
    } catch (error) {
      throw new UnsupportedError(`gpu.js mode '${mode}' does not start: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.context = this.onTextures ? (this.gpu.context as GlContext) : undefined;
    this.largest = this.context
      ? (this.context.getParameter(this.context.MAX_TEXTURE_SIZE) as number)
      : 2 ** 24;
  }

  private open(): Library.GPU {
    const { GPU } = this.library;
    if (this.mode !== 'webgl2') {
      const gpu = new GPU({ mode: libraryNames[this.mode] });
      // The context is made with the first kernel.
      gpu.createKernel('function () { return 1; }', { output: [1], precision: 'single' });
      return gpu;
    }
    const context = createContext();
    if (!context) throw new UnsupportedError('the browser gives no more WebGL 2 contexts');
    // gpu.js resizes its canvas to the largest texture, which nothing is ever drawn to.
    return new GPU({ context, canvas: { width: 1, height: 1 } });
  }

  private kernel(
    { source, storage: { width, height } }: Pick<Launch, 'source' | 'storage'>,
    constants: Readonly<Record<string, Resource>>,
    settings: Library.IGPUKernelSettings,
  ): Run {
    return this.gpu.createKernel(source, {
      output: [width, height],
      precision: 'single',
      loopMaxIterations,
      constants,
      ...(this.target.native ? { nativeFunctions: nativesOf(source) } : {}),
      onRequestFallback: () => {
        throw new InvariantError(`gpu.js would leave mode '${this.mode}'`);
      },
      ...settings,
    } as Library.IGPUKernelSettings);
  }

  /** Calls a kernel and makes sure that gpu.js runs it where it should. */
  private call(kernel: Run, inputs: readonly Resource[]): unknown {
    const result = (kernel as (...inputs: readonly unknown[]) => unknown)(...inputs);
    if (!(kernel.kernel instanceof this.library[kernelClasses[this.mode]]))
      throw new InvariantError(`gpu.js ran a kernel in another mode than '${this.mode}'`);
    return result;
  }

  /** Numbers of the host, row after row. */
  rows(data: Float32Array, width: number, height: number): Resource {
    return new this.library.Input(data as unknown as number[], [width, height]);
  }

  /** Uploads a constant; release it by `free`. */
  constant({ width, height, texels }: Table): Resource {
    if (!this.onTextures) return this.rows(texels, width, height);
    const { lanes } = this.target;
    const elements = range(lanes).map(
      (lane) => `a0[this.thread.y][this.thread.x * ${lanes} + ${lane}]`,
    );
    const result = lanes === 1 ? elements[0] : `[${elements.join(', ')}]`;
    const source = `function (a0) { return ${result}; }`;
    const kernel = this.kernel(
      { source, storage: { width, height } as Launch['storage'] },
      {},
      {
        pipeline: true,
        immutable: true,
      },
    );
    const texture = this.call(kernel, [
      this.rows(texels, lanes * width, height),
    ]) as Library.Texture;
    // The texture outlives the kernel, whose copy of the numbers goes.
    kernel.destroy();
    return texture;
  }

  /** A constant's texture; its kernel is gone, so gpu.js can't delete it. */
  free(resource: Resource): void {
    const texture = (resource as { readonly texture?: unknown }).texture;
    if (texture && this.context) this.context.deleteTexture(texture);
  }

  program(launch: Launch, constants: Readonly<Record<string, Resource>>): Program {
    const { width, height } = launch.storage;
    const beside = launch.others.map((_, index) => `beside${index}`);
    const subKernels = beside.map((name) => ({
      name,
      source: `function ${name}(a, b, c, d) { return [a, b, c, d]; }`,
      property: name,
    }));
    const kernel = this.kernel(launch, constants, {
      ...(this.onTextures ? { pipeline: true } : {}),
      ...(beside.length ? { subKernels } : {}),
    });
    return {
      run: (inputs) => {
        const result = this.call(kernel, inputs);
        if (!this.onTextures)
          return [this.rows(flat(result as Float32Array[], width), width, height)];
        if (!beside.length) return [result as Library.Texture];
        const all = result as Readonly<Record<string, Library.Texture>>;
        return ['result', ...beside].map((name) => all[name] as Library.Texture);
      },
      dispose: () => kernel.destroy(),
    };
  }

  reader(launch: Launch): Reader {
    const { width } = launch.storage;
    // Waiting in turns of the event loop (`asyncMode`) was measured to cost more than the network itself.
    const kernel = this.kernel(launch, {}, {});
    return {
      read: (inputs) => flat(this.call(kernel, inputs) as Float32Array[], width),
      dispose: () => kernel.destroy(),
    };
  }

  /** Waits for the kernels run so far. */
  finish(): void {
    const gl = this.context;
    // Only reading makes all drivers wait. The last kernel's framebuffer is bound.
    gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.FLOAT, this.pixel);
  }

  dispose(): void {
    if (this.context) this.library[kernelClasses[this.mode]].destroyContext(this.context);
  }
}
