/** What is held at some point of the runs. */
export interface Sample {
  readonly label: string;
  /** Bytes of JavaScript. */
  readonly heap: number;
  /** Textures, buffers, framebuffers, programs and shaders. */
  readonly objects: number;
}

/** The label of what is held then. */
export const compiledTimes = (count: number): string => `compiled and disposed ${count} times`;
