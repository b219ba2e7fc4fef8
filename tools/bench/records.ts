/** What parts of the benchmark leave behind, and where it is kept between runs. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import type { KernelRate, Limit } from './convolutions.ts';
import type { EngineName } from './engines.ts';
import { inRepository, type NetworkName } from './networks.ts';
import { writeFileWhole } from 'decouple/node';

/** Of one network on one engine. */
export interface Times {
  readonly medianMs: number;
  /** The tenth percentile. */
  readonly fastMs: number;
  /** Largest difference to our outputs, relative to the largest output. */
  readonly maxRel: number;
  /** Why there is no figure. */
  readonly failed?: string;
}
export type ByEngine = Partial<Record<EngineName, Times>>;

export interface DenseRecord {
  readonly macs: number;
  readonly limit: Limit;
  /** What the cost model says of ours. */
  readonly predictedMs: number;
  readonly times: ByEngine;
}

export interface VariantRecord {
  readonly variant: string;
  readonly macs: number;
  /** Of the original in the same rounds, and of the variant in the faster layout of each engine. */
  readonly dense: ByEngine;
  readonly times: ByEngine;
}

/** Of one engine on so many threads. */
export interface ThreadsRecord {
  readonly engine: EngineName;
  readonly threads: number;
  readonly times: Times;
}

export interface KernelsRecord {
  readonly shape: string;
  readonly limit: Limit;
  readonly kernels: readonly KernelRate[];
}

export interface DepthwiseRecord {
  readonly shape: string;
  /** A network of one such layer, and of nine in a row. */
  readonly one: ByEngine;
  readonly nine: ByEngine;
}

export const starters = [
  'ours',
  'ours, .dcpl',
  'ours, ahead of time',
  'onnxruntime-web',
  'onnxruntime-node',
] as const;
export type Starter = (typeof starters)[number];

/** Of a process that does nothing else; medians over several. */
export interface StartRecord {
  readonly starter: Starter;
  /** To import the engine. */
  readonly importMs: number;
  /** From the file to what can be run. */
  readonly loadMs: number;
  readonly firstMs: number;
  readonly steadyMs: number;
  /** Largest resident memory of the process, Node included. */
  readonly peakBytes: number;
}

/** Milliseconds to write to each page of a megabyte. */
export interface MemoryRecord {
  /** That the process has not written to before. */
  readonly freshMsPerMB: number;
  readonly knownMsPerMB: number;
  /** Linux's setting of transparent huge pages. */
  readonly hugePages: string;
}

export interface SizeRecord {
  readonly what: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface ProductRecord {
  readonly pipeline: string;
  /** Percentage points of top-1 accuracy on the test images. */
  readonly drop: number;
  readonly macsRatio: number;
  readonly predictedMs: number;
  readonly optimisedMs: number;
  readonly denseMs: number;
  readonly webMs: number;
  readonly nodeMs: number;
}

/** Every part, by its name. */
export type Records = {
  [N in NetworkName as `dense/${N}`]: DenseRecord;
} & { [N in NetworkName as `variants/${N}`]: readonly VariantRecord[] } & {
  [N in NetworkName as `threads/${N}`]: readonly ThreadsRecord[];
} & { [N in NetworkName as `start/${N}`]: readonly StartRecord[] } & {
  kernels: readonly KernelsRecord[];
  depthwise: DepthwiseRecord;
  memory: MemoryRecord;
  sizes: readonly SizeRecord[];
  product: ProductRecord;
};
export type PartName = keyof Records;

export interface Kept<P extends PartName = PartName> {
  readonly part: P;
  readonly record: Records[P];
  /** When, and the load of the machine before and after, as `uptime` has it. */
  readonly at: string;
  readonly load: readonly [before: number, after: number];
  readonly seconds: number;
  /** See {@link versionOf}. */
  readonly version: string;
}

/** Sources that no figure depends on. */
const bystanders = ['cli', 'backend-gpu', 'playground', 'report', 'search', 'pass-manager'];
const pages = ['document.ts', 'bars.ts', 'chart.ts', 'index.ts', 'gpu.ts', 'steady-gpu.ts'];

const sourcesIn = (folder: string, except: readonly string[] = []): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !except.includes(file))
    .map((file) => join(folder, file));

/** What figures depend on: processor, engines, sources. */
export function versionOf(): string {
  const hash = createHash('sha256');
  const require = createRequire(import.meta.url);
  const packages = readdirSync(inRepository('packages')).filter(
    (name) => !bystanders.includes(name),
  );
  const files = [
    ...packages.flatMap((name) => sourcesIn(inRepository(`packages/${name}/src`))),
    ...sourcesIn(inRepository('tools/bench'), pages),
  ];
  hash.update(JSON.stringify([cpus()[0]?.model, cpus().length, process.version]));
  for (const name of ['onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-core'])
    hash.update(readFileSync(require.resolve(name)));
  for (const file of files.sort()) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

export const defaultCache = join(homedir(), '.cache/decouple/bench');

/** Records as JSON files of a folder. */
export class RecordStore {
  readonly version = versionOf();
  private readonly folder: string;

  constructor(folder = defaultCache) {
    this.folder = folder;
  }

  private pathOf(part: PartName): string {
    return join(this.folder, `${part.replace('/', '-')}.json`);
  }

  /** What was kept last, of whatever version. */
  find<P extends PartName>(part: P): Kept<P> | undefined {
    try {
      return JSON.parse(readFileSync(this.pathOf(part), 'utf8')) as Kept<P>;
    } catch {
      return undefined;
    }
  }

  async keep<P extends PartName>(kept: Omit<Kept<P>, 'version'>): Promise<void> {
    const text = JSON.stringify({ ...kept, version: this.version }, undefined, 1);
    await writeFileWhole(this.pathOf(kept.part), `${text}\n`);
  }
}
