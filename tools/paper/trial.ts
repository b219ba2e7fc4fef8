/**
 * Networks built and measured, and rows made of such trials. Trials are kept in files under a digest of all that they
 * depend on: a run that was stopped goes on where it was, and what changed sources might change is measured anew.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillTemplate, searchPipelines, type Trial as Found } from '@decouple/search';
import { cpu, optimize, totalCost, type Graph } from 'decouple';
import { writeFileWhole } from 'decouple/node';
import { inRepository, modelPath, type Network, type Settings } from './networks.ts';
import type { Row } from './studies.ts';

export interface Trial {
  /** Empty for the original. */
  readonly pipeline: string;
  readonly macs: number;
  readonly params: number;
  /** MACs of the original over those of this network. */
  readonly ratio: number;
  /** Scores: percent or dB. */
  readonly heldOut: number;
  readonly test: number;
  /** Of building and measuring. */
  readonly seconds: number;
}

export interface Result {
  readonly original: Trial;
  /** In the order of their ratios. */
  readonly trials: readonly Trial[];
  /** The largest ratio within the drop on held-out images; of a fixed row its only trial. */
  readonly best?: Trial;
}

const digest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex').slice(0, 32);
};

/** Packages that no figure depends on. */
const bystanders = ['cli', 'dcpl', 'conformance', 'backend-gpu'];

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

const seed = 1;

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
    const { graph, calibration, synthetic, samples } = this.network;
    if (pipeline === '') return graph;
    const data = { images: calibration, synthetic, none: undefined }[this.row.calibration];
    return (await optimize(graph, pipeline, { calibration: data, samples, seed })).graph;
  }

  /** Builds and measures a pipeline, and remembers that. */
  async run(pipeline: string): Promise<{ graph: Graph; trial: Trial }> {
    const started = performance.now();
    const { graph: original, heldOut, test } = this.network;
    const graph = await this.build(pipeline);
    const context = { backend: cpu(), original };
    const { macs, params } = totalCost(graph);
    const trial: Trial = {
      pipeline,
      macs,
      params,
      ratio: totalCost(original).macs / macs,
      heldOut: await heldOut.score(graph, context),
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

/** Smallest step between ratios of a search. */
const precision = { quick: 1.2, full: 1.2 };

/** Searches the largest ratio within the drop on the held-out images. */
async function search(row: Row, drop: number, bench: Bench, quick: boolean): Promise<Result> {
  const original = await bench.trial('');
  const dropOf = ({ heldOut }: Trial): number => original.heldOut - heldOut;
  const fresh = new Map<Graph, Trial>();
  const found = await searchPipelines({
    graph: bench.network.graph,
    families: quick ? row.families.slice(0, 1) : row.families,
    limits: { drop },
    start: row.start,
    precision: quick ? precision.quick : precision.full,
    apply: async (pipeline) => {
      const { graph, trial } = await bench.run(pipeline);
      fresh.set(graph, trial);
      return graph;
    },
    drop: (graph) => Promise.resolve(dropOf(fresh.get(graph) as Trial)),
    store: {
      get: async (pipeline) => {
        const trial = await bench.known(pipeline);
        return trial && { macs: trial.macs, params: trial.params, drop: dropOf(trial) };
      },
      put: () => Promise.resolve(),
    },
  });
  const trials = await Promise.all(found.trials.map(({ pipeline }) => bench.trial(pipeline)));
  const { best: chosen } = found;
  if (chosen) {
    const family = found.trials.filter(({ family }) => family === chosen.family);
    trials.push(...(await beyond(drop, bench, original, family)));
  }
  const best = trials.find(({ pipeline }) => pipeline === chosen?.pipeline);
  return { original, trials, ...(best && { best }) };
}

/** One more trial where those of the best family don't reach the drop on the test images: its curve should cross it. */
async function beyond(
  drop: number,
  bench: Bench,
  original: Trial,
  family: readonly Found[],
): Promise<Trial[]> {
  const shares = [...family].sort((a, b) => a.share - b.share);
  const [last] = shares as [Found];
  if (original.test - (await bench.trial(last.pipeline)).test > drop) return [];
  return [await bench.trial(fillTemplate(last.family, last.share / 1.15))];
}

/** Measures a row. */
export async function runRow(row: Row, bench: Bench, quick: boolean): Promise<Result> {
  const result =
    row.drop === undefined ? await fixed(row, bench) : await search(row, row.drop, bench, quick);
  return { ...result, trials: [...result.trials].sort((a, b) => a.ratio - b.ratio) };
}

async function fixed({ families, start }: Row, bench: Bench): Promise<Result> {
  const original = await bench.trial('');
  const best = await bench.trial(fillTemplate(families[0] as string, 1 / start));
  return { original, trials: [best], best };
}
