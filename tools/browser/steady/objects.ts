/// <reference lib="dom" />
/** Counts the objects of WebGL that are alive in the page. */

const kinds = ['Texture', 'Buffer', 'Framebuffer', 'Program', 'Shader'] as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Starts counting; call it before the first context is made. @returns what is alive now. */
export function countObjects(): () => number {
  const alive = new Set<unknown>();
  const methods = WebGL2RenderingContext.prototype as unknown as Record<string, Method>;
  for (const kind of kinds) {
    const [create, remove] = [methods[`create${kind}`], methods[`delete${kind}`]];
    methods[`create${kind}`] = function (...args) {
      const made = create?.apply(this, args);
      alive.add(made);
      return made;
    };
    methods[`delete${kind}`] = function (...args) {
      alive.delete(args[0]);
      return remove?.apply(this, args);
    };
  }
  return () => alive.size;
}
