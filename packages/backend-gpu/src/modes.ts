/**
 * What gpu.js runs on. A mode is chosen once, when the first network is compiled, told by `info()`, and never left:
 * where a mode is not there, or gpu.js would fall back on another, an error says so.
 */
import { messageOf, OptionError, UnsupportedError } from '@decouple/tensor';
import type * as Library from 'gpu.js';
import type { Target } from './writer.ts';

/** The modes, best first; 'cpu' is never chosen by itself. */
export const gpuModes = ['webgl2', 'headless-gl', 'webassembly', 'cpu'] as const;
export type GpuMode = (typeof gpuModes)[number];

/** gpu.js' own names. */
export const libraryNames = {
  webgl2: 'webgl2',
  'headless-gl': 'headlessgl',
  webassembly: 'webasm',
  cpu: 'cpu',
} as const satisfies Record<GpuMode, string>;

/** Whether values are textures. */
export const hasTextures = (mode: GpuMode): boolean => mode === 'webgl2' || mode === 'headless-gl';

/** What kernels are written for. @param packed whether textures hold four channels to a texel. */
export const targetOf = (mode: GpuMode, packed: boolean): Target =>
  hasTextures(mode) && packed
    ? { lanes: 4, native: mode === 'webgl2' }
    : { lanes: 1, native: false };

/** How to come by a mode that is not there. */
const advice: Readonly<Record<GpuMode, string>> = {
  webgl2: 'it needs a browser with WebGL 2 and EXT_color_buffer_float',
  'headless-gl':
    'it needs Node, the package gl (`npm run setup:gl` builds it in a clone of Decouple, else `npm install gl`) and a display (`xvfb-run` gives one)',
  webassembly: 'it needs an engine with WebAssembly',
  cpu: '',
};

function isThere(library: typeof Library, mode: GpuMode): boolean {
  switch (mode) {
    case 'webgl2':
      return library.GPU.isWebGL2Supported;
    case 'headless-gl':
      return library.GPU.isHeadlessGLSupported;
    case 'webassembly':
      return library.GPU.isWebAssemblySupported;
    case 'cpu':
      return true;
  }
}

/** gpu.js, loaded when it is needed first: it is large. @throws UnsupportedError */
export async function loadLibrary(): Promise<typeof Library> {
  try {
    return await import('gpu.js');
  } catch (error) {
    throw new UnsupportedError(
      `backend 'gpu' needs the package gpu.js, which does not load: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** The mode asked for, or the best there is. @throws UnsupportedError that says what to install. */
export function chooseMode(library: typeof Library, asked: GpuMode | undefined): GpuMode {
  if (asked !== undefined) {
    if (!gpuModes.includes(asked))
      throw new OptionError(`'${String(asked)}' is not a mode of gpu.js: ${gpuModes.join(', ')}`);
    if (isThere(library, asked)) return asked;
    throw new UnsupportedError(`gpu.js mode '${asked}' is not there: ${advice[asked]}`);
  }
  const found = gpuModes.find((mode) => mode !== 'cpu' && isThere(library, mode));
  if (found) return found;
  throw new UnsupportedError(
    `no mode of gpu.js is there but 'cpu', which must be asked for; ${advice.webassembly}`,
  );
}
