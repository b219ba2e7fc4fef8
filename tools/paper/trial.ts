/**
 * Networks built and measured. Trials are kept in files under a digest of all that they
 * depend on: a run that was stopped goes on where it was, and what changed sources might change is measured anew.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpu, optimize, totalCost, type Graph } from 'decouple';
import { writeFileWhole } from 'decouple/node';
import { inRepository, modelPath, seed, type Network, type Settings } from './networks.ts';
import type { Row } from './studies.ts';

export interface Trial {
  /** Empty for the original. */
  readonly pipeline: string;
  readonly macs: number;
  readonly params: number;
  /** MACs of the original over those of this network. */
  readonly ratio: number;
  /** Score on the test images: percent or dB. */
  readonly test: number;
  /** Of building and measuring. */
  readonly seconds: number;
}

const digest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex').slice(0, 32);
};

/** Packages that no figure depends on. */
const bystanders = ['cli', 'dcpl', 'conformance', 'backend-gpu', 'playground', 'report'];

/** Digest of the sources that figures depend on. */
export function codeVersion(): string {
  const files = readdirSync(inRepository('packages'))
    .filter((name) => !bystanders.includes(name))
    .flatMap((name) => {
      const folder = inRepository(`packages/${name}/src`);
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(folder, file));
    });
  const own = ['networks', 'denoising', 'trial'].map((name) =>
    inRepository(`tools/paper/${name}.ts`),
  );
  return digest(...[...files, ...own].sort().map((file) => readFileSync(file)));
}

export interface Cache {
  readonly folder: string;
  /** See {@link codeVersion}. */
  readonly version: string;
}

/** Measures pipelines for one row. */
export class Bench {
  readonly network: Network;
  private readonly row: Row;
  private readonly folder: string;
  private readonly identity: string;
  private readonly onTrial: (trial: Trial) => void;

  constructor(
    row: Row,
    network: Network,
    settings: Settings,
    cache: Cache,
    onTrial: (trial: Trial) => void,
  ) {
    this.row = row;
    this.network = network;
    this.folder = cache.folder;
    this.onTrial = onTrial;
    this.identity = digest(
      cache.version,
      readFileSync(modelPath(row.network, settings)),
      JSON.stringify([row.network, settings.quick, network.samples, seed]),
    );
  }

  private file(pipeline: string): string {
    const data = pipeline === '' ? '' : this.row.calibration;
    return join(this.folder, `${digest(this.identity, data, pipeline)}.json`);
  }

  /** What was measured before. */
  async known(pipeline: string): Promise<Trial | undefined> {
    try {
      return JSON.parse(await readFile(this.file(pipeline), 'utf8')) as Trial;
    } catch {
      return undefined;
    }
  }

  async build(pipeline: string): Promise<Graph> {
    const { graph, open } = this.network;
    if (pipeline === '') return graph;
    const { calibration } = this.row;
    const opened = calibration === 'none' ? undefined : open[calibration]();
    return (await optimize(graph, pipeline, { opened, seed })).graph;
  }

  /** Builds and measures a pipeline, and remembers that. */
  async run(pipeline: string): Promise<{ graph: Graph; trial: Trial }> {
    const started = performance.now();
    const { graph: original, test } = this.network;
    const graph = await this.build(pipeline);
    const context = { backend: cpu(), original };
    const { macs, params } = totalCost(graph);
    const trial: Trial = {
      pipeline,
      macs,
      params,
      ratio: totalCost(original).macs / macs,
      test: await test.score(graph, context),
      seconds: (performance.now() - started) / 1000,
    };
    await writeFileWhole(this.file(pipeline), JSON.stringify(trial));
    this.onTrial(trial);
    return { graph, trial };
  }

  async trial(pipeline: string): Promise<Trial> {
    return (await this.known(pipeline)) ?? (await this.run(pipeline)).trial;
  }
}
