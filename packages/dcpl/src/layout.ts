/** Facts of the file that writer and reader share; dcpl.fbs describes it. */

/** Files of other versions are refused. */
export const version = 1;

/** Data of constants start at multiples of this many bytes, in the file and so in a buffer that holds it. */
export const alignment = 64;

/** Numbers of storages in files. */
export const storages = { plain: 0, f16: 1, i8: 2 } as const;

export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
