/**
 * A run that failed, packed up to be run again elsewhere: the network before the failing pass, the passes that were
 * left, options, seed and versions, and the error. Calibration data are named, not included.
 *
 * The bytes are a safetensors file, so that weights can be looked at with any reader of that format: the constants,
 * and in the metadata, as JSON, all else, with networks in the text form of `printGraph`.
 */
import {
  createGraph,
  parseGraphParts,
  printGraph,
  type Graph,
  type GraphParts,
} from '@decouple/ir';
import {
  pipelineFromJson,
  pipelineToJson,
  runPipeline,
  type Pass,
  type PassFailure,
  type PipelineEvent,
} from '@decouple/pass-manager';
import {
  allocate,
  bytesPerElement,
  DataError,
  DecoupleError,
  messageOf,
  sizeOf,
  tensor,
  type DType,
  type Tensor,
} from '@decouple/tensor';
import { z } from 'zod';
import { withCalibration, type CalibrationSettings } from './calibrate.ts';
import { builtInPasses } from './passes.ts';

const details = z.strictObject({
  /** The JSON form of what was to run, the failing pass first. */
  pipeline: z.array(z.unknown()),
  /** How often each pass had run before. */
  ran: z.record(z.string(), z.int().min(0)),
  seed: z.int(),
  /** How many of the calibration images. */
  samples: z.int().min(1),
  error: z.strictObject({
    pass: z.string(),
    /** `InvariantError`, … */
    kind: z.string(),
    message: z.string(),
  }),
  /** Where the calibration images were; absent when there were none. */
  data: z
    .strictObject({
      path: z.string(),
      mean: z.array(z.number()).readonly().optional(),
      std: z.array(z.number()).readonly().optional(),
    })
    .optional(),
  backend: z.string(),
  /** Of the project and of what ran it. */
  versions: z.record(z.string(), z.string()),
});

export interface Reproducer extends Readonly<z.output<typeof details>> {
  /** The network before the failing pass. */
  readonly graph: Graph;
  /** The network whose responses were the target; only with calibration data. */
  readonly original?: Graph;
}

/** A reproducer of a failure. @param rest what only the caller knows. */
export const reproducerOf = (
  { error, graph, remaining, ran }: PassFailure,
  rest: Pick<Reproducer, 'seed' | 'samples' | 'data' | 'backend' | 'versions' | 'original'>,
): Reproducer => ({
  ...rest,
  graph,
  pipeline: [...pipelineToJson(remaining)],
  ran,
  error: {
    pass: (remaining.steps[0]?.kind === 'pass' && remaining.steps[0].pass.name) || '',
    kind: error instanceof Error ? error.name : typeof error,
    message: withoutStep(messageOf(error)),
  },
});

/** The number of the step is another one when only the rest of a pipeline runs. */
const withoutStep = (message: string): string => message.replace(/ \(step \d+\)/, '');

export interface ReproduceOptions extends Pick<CalibrationSettings, 'calibration' | 'backend'> {
  /** Passes of your own that the pipeline names. */
  readonly passes?: readonly Pass[] | undefined;
  readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Reproduction {
  /** Whether the error is the same: its kind and its message. */
  readonly reproduced: boolean;
  readonly expected: Reproducer['error'];
  /** Absent: everything went well. */
  readonly actual?: { readonly kind: string; readonly message: string };
}

/**
 * Runs a reproducer.
 * @throws OptionError when it names passes that are not known; DataError when the data don't fit; the signal's reason
 * when cancelled.
 */
export async function reproduce(
  reproducer: Reproducer,
  options: ReproduceOptions = {},
): Promise<Reproduction> {
  const { graph, original = graph, seed, samples, ran, error: expected } = reproducer;
  const { passes = [], signal, onEvent } = options;
  const pipeline = pipelineFromJson(reproducer.pipeline, [...builtInPasses, ...passes]);
  const settings = { ...options, seed, samples };
  return withCalibration(original, settings, async (calibration) => {
    try {
      await runPipeline(graph, pipeline, { seed, ran, calibration, signal, onEvent });
      return { reproduced: false, expected };
    } catch (error) {
      if (!(error instanceof DecoupleError) || signal?.aborted) throw error;
      const actual = { kind: error.name, message: withoutStep(error.message) };
      const reproduced = actual.kind === expected.kind && actual.message === expected.message;
      return { reproduced, expected, actual };
    }
  });
}

/** Element types by their names in safetensors files. */
const types = {
  F32: 'float32',
  F64: 'float64',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  U16: 'uint16',
  U32: 'uint32',
  U64: 'uint64',
  BOOL: 'bool',
} as const satisfies Record<string, DType>;
type TypeName = keyof typeof types;
const typeNames = Object.fromEntries(
  Object.entries(types).map(([name, dtype]) => [dtype, name]),
) as Record<DType, TypeName>;

const tensorEntry = z.strictObject({
  dtype: z.enum(Object.keys(types) as [TypeName, ...TypeName[]]),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
type TensorEntry = z.output<typeof tensorEntry>;

const format = 'decouple-reproducer 1';
const header = z
  .object({ __metadata__: z.object({ format: z.literal(format), content: z.string() }) })
  .catchall(tensorEntry);

/** A network without the data of its constants: name and place among the tensors. */
const network = z.strictObject({
  text: z.string(),
  constants: z.array(z.tuple([z.string(), z.string()])),
});
const content = z.strictObject({ graph: network, original: network.optional(), details });

/** The bytes of a reproducer, in pieces. */
export function encodeReproducer({ graph, original, ...rest }: Reproducer): Uint8Array[] {
  const keys = new Map<Tensor, string>();
  const entries: Record<string, TensorEntry> = {};
  const pieces: Uint8Array[] = [];
  let end = 0;
  const keyOf = (value: Tensor): string => {
    const known = keys.get(value);
    if (known !== undefined) return known;
    const key = `t${keys.size}`;
    const { buffer, byteOffset, byteLength } = value.data;
    pieces.push(new Uint8Array(buffer, byteOffset, byteLength));
    const dtype = typeNames[value.dtype];
    entries[key] = { dtype, shape: [...value.shape], data_offsets: [end, (end += byteLength)] };
    keys.set(value, key);
    return key;
  };
  const pack = (of: Graph): z.output<typeof network> => ({
    text: printGraph({ ...of, constants: new Map() }),
    constants: [...of.constants].map(([name, value]) => [name, keyOf(value)]),
  });
  const packed: z.output<typeof content> = {
    graph: pack(graph),
    ...(original && { original: pack(original) }),
    details: details.parse(rest),
  };
  const metadata = { format, content: JSON.stringify(packed) };
  const text = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...entries }));
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(text.length), true);
  return [new Uint8Array(length.buffer), text, ...pieces];
}

/** @throws Error when it is not JSON of this form. */
function readJson<T>(text: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataError(`'${issue?.path.join('.') ?? ''}': ${issue?.message ?? ''}`);
}

function readTensor(data: Uint8Array, name: string, entry: TensorEntry): Tensor {
  const dtype = types[entry.dtype];
  const [begin, end] = entry.data_offsets;
  const size = sizeOf(entry.shape);
  const wanted = size * bytesPerElement(dtype);
  if (end - begin !== wanted || end > data.length)
    throw new DataError(
      `constant '${name}': bytes ${begin} to ${end} of ${data.length} for ${dtype}[${entry.shape.join(', ')}]`,
    );
  const out = allocate(dtype, size);
  new Uint8Array(out.buffer).set(data.subarray(begin, end));
  return tensor(dtype, entry.shape, out);
}

function decode(bytes: Uint8Array, file: string): Reproducer {
  const length = bytes.length < 8 ? NaN : Number(viewOf(bytes).getBigUint64(0, true));
  if (!(length <= bytes.length - 8)) throw new DataError('it is cut off or of another format');
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
  const { __metadata__: metadata, ...entries } = readJson(text, header);
  const packed = readJson(metadata.content, content);
  const data = bytes.subarray(8 + length);
  const tensors = new Map<string, Tensor>();
  const unpack = ({ text: lines, constants }: z.output<typeof network>): Graph => {
    const parts: GraphParts = parseGraphParts(lines, file);
    const values = constants.map(([name, key]): [string, Tensor] => {
      const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
      if (!entry) throw new DataError(`constant '${name}' has no data`);
      const value = tensors.get(key) ?? readTensor(data, name, entry);
      tensors.set(key, value);
      return [name, value];
    });
    return createGraph({ ...parts, constants: new Map(values) });
  };
  const { graph, original } = packed;
  return {
    ...packed.details,
    graph: unpack(graph),
    ...(original && { original: unpack(original) }),
  };
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/**
 * Reads a reproducer.
 * @param file what errors call it.
 * @throws DataError when the bytes are not a reproducer or are damaged.
 */
export function decodeReproducer(bytes: Uint8Array, file = 'reproducer'): Reproducer {
  try {
    return decode(bytes, file);
  } catch (error) {
    throw new DataError(`${file}: not a reproducer: ${messageOf(error)}`, { cause: error });
  }
}
