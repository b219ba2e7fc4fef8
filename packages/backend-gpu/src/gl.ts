/** The little of WebGL that is used beside gpu.js, declared here so that the package needs no types of browsers. */

export interface GlContext {
  readonly MAX_TEXTURE_SIZE: number;
  readonly RGBA: number;
  readonly FLOAT: number;
  getExtension(name: string): unknown;
  getParameter(name: number): unknown;
  deleteTexture(texture: unknown): void;
  readPixels(
    x: number,
    y: number,
    width: number,
    height: number,
    format: number,
    type: number,
    pixels: Float32Array,
  ): void;
}

interface Canvas {
  getContext(kind: string, settings: object): GlContext | null;
}

const page = globalThis as {
  readonly OffscreenCanvas?: new (width: number, height: number) => Canvas;
  readonly document?: { createElement(tag: 'canvas'): Canvas };
};

/** A WebGL 2 context that can draw to float textures, on a canvas of its own. */
export function createContext(): GlContext | null {
  const { OffscreenCanvas, document } = page;
  const canvas = OffscreenCanvas ? new OffscreenCanvas(1, 1) : document?.createElement('canvas');
  const context = canvas?.getContext('webgl2', { alpha: false, depth: false, antialias: false });
  return context?.getExtension('EXT_color_buffer_float') ? context : null;
}
