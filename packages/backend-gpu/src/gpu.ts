/** The GPU backend: every node a gpu.js kernel, whose source is made for its sizes. */
import { bindForCompile, requireSupport, type Backend, type Executable } from '@decouple/backend';
import { OptionError, type Tensor, UnsupportedError } from '@decouple/tensor';
import { graphBuilder, type Graph } from '@decouple/ir';
import { float32 } from '@decouple/tensor';
import { Device } from './device.ts';
import { GpuExecutable } from './executable.ts';
import { kernels } from './kernels/index.ts';
import { chooseMode, gpuModes, loadLibrary, type GpuMode } from './modes.ts';
import { planGraph } from './plan.ts';

export interface GpuOptions {
  /** What gpu.js runs on. Default: the first there is of 'webgl2', 'headless-gl' and 'webassembly'. */
  readonly mode?: GpuMode;
  /**
   * Whether texels of textures hold four channels. Default true; one to a texel is how gpu.js is mostly used, slower, and
   * there to compare with.
   */
  readonly packed?: boolean;
}

/** Numbers that half precision would change. */
const probes = Float32Array.of(1 / 3, 16777215, -123.45678, 1e-12, 65537, 3e30);

const probeGraph = (): Graph => {
  const b = graphBuilder('precision');
  const x = b.input('x', [probes.length]);
  const zero = b.constant('zero', float32([1], Float32Array.of(0)));
  return b.build([b.node('add', [x, zero], {}, 'y')]);
};

/** @throws UnsupportedError where numbers come back changed. */
async function requirePrecision(device: Device): Promise<void> {
  const graph = probeGraph();
  const executable = new GpuExecutable(
    planGraph(graph, device.target, device.largest),
    device,
    [],
    () => undefined,
  );
  const x = float32([probes.length], probes);
  const outputs = await executable.run({ x });
  executable.dispose();
  const [result] = Object.values(outputs) as [Tensor<'float32'>];
  probes.forEach((expected, index) => {
    const got = result.data[index] as number;
    if (!(Math.abs(got - expected) <= Math.abs(expected) * 2 ** -22))
      throw new UnsupportedError(
        `gpu.js mode '${device.mode}' computes ${got} for ${expected}: less than single precision`,
      );
  });
}

/** A device while networks use it: the first opens it, the last one disposed closes it. */
class SharedDevice {
  private users = 0;
  private opened: Promise<Device> | undefined;

  async acquire(open: () => Promise<Device>): Promise<Device> {
    this.users++;
    this.opened ??= open();
    try {
      return await this.opened;
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    if (--this.users > 0) return;
    const { opened } = this;
    this.opened = undefined;
    void opened?.then(
      (device) => device.dispose(),
      () => undefined,
    );
  }
}

async function openDevice({ mode, packed = true }: GpuOptions): Promise<Device> {
  const library = await loadLibrary();
  const device = new Device(library, chooseMode(library, mode), packed);
  await requirePrecision(device);
  return device;
}

/** A backend on gpu.js; named 'gpu'. @throws OptionError for an unknown mode. */
export function gpu(options: GpuOptions = {}): Backend {
  const { mode } = options;
  if (mode !== undefined && !gpuModes.includes(mode))
    throw new OptionError(`'${String(mode)}' is not a mode of gpu.js: ${gpuModes.join(', ')}`);
  const shared = new SharedDevice();
  const backend: Backend = {
    name: 'gpu',
    legalize: 'fold-constants, fold-batch-norm, remove-identity, fuse-activations, fuse-residual',
    supports: (_graph, node) => {
      const entry = kernels[node.op];
      return 'unsupported' in entry ? entry : true;
    },
    compile: async (graph, compileOptions): Promise<Executable> => {
      requireSupport(backend, graph);
      const bound = bindForCompile(graph, compileOptions?.bind);
      const device = await shared.acquire(() => openDevice(options));
      try {
        const plan = planGraph(bound, device.target, device.largest);
        const notes = [`gpu.js mode ${device.mode}${mode ? '' : ', the best there is here'}`];
        return new GpuExecutable(plan, device, notes, () => shared.release());
      } catch (error) {
        shared.release();
        throw error;
      }
    },
  };
  return backend;
}
