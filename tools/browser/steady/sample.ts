/** What is held at some point of the runs. */
export interface Sample {
  readonly label: string;
  /** Bytes of JavaScript. */
  readonly heap: number;
  /** Textures, buffers, framebuffers, programs and shaders. */
  readonly objects: number;
}
