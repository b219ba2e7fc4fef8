/** What was loaded and what came out of it, and everything that a user can ask for; the worker does the work. */
import type { KernelTime } from 'decouple';
import { renderReport } from '@decouple/report';
import { useEffect, useState } from 'preact/hooks';
import { download, readPicture } from './files.ts';
import type { Tried } from './parts/pictures.tsx';
import type { Outcome } from './parts/result.tsx';
import type { RunSettings } from './parts/run.tsx';
import { useJobs } from './use-jobs.ts';
import type { Sizes } from './worker/model.ts';
import type { Call, CallOptions } from './worker/rpc.ts';
import type { Description, Loaded, SessionMethods } from './worker/session.ts';

const startSettings: RunSettings = {
  calibration: 'synthetic',
  samples: 128,
  seed: 1,
  ledger: true,
  setups: [],
  images: 500,
};

const versions = {
  decouple: import.meta.env.DECOUPLE_VERSION as string,
  browser: navigator.userAgent,
};

/** `model-fast.onnx` from `model.onnx` and `-fast.onnx`. */
const nameWith = (model: string, ending: string): string =>
  `${model.replace(/\.[^.]*$/, '')}${ending}`;

const reportOf = (model: string, outcome: Outcome): string => {
  const { optimization, picture, settings, speeds = [], accuracy } = outcome;
  return renderReport({
    model,
    optimization,
    settings: { ...settings, versions },
    speeds,
    ...(accuracy && { accuracy }),
    ...('drawing' in picture && { drawing: picture.drawing }),
  });
};

/** The state of the page. */
function useFindings() {
  const [loaded, setLoaded] = useState<Loaded>();
  const [times, setTimes] = useState<readonly KernelTime[]>();
  const [outcome, setOutcome] = useState<Outcome>();
  const [tried, setTried] = useState<readonly Tried[]>([]);
  const [settings, setSettings] = useState(startSettings);
  /** A fresh model makes everything else stale. */
  const replace = (fresh: Loaded): void => {
    setLoaded(fresh);
    setTimes(undefined);
    setOutcome(undefined);
    setTried([]);
    const calibration = fresh.fitsBundled ? 'bundled' : 'synthetic';
    setSettings((old) => ({ ...old, calibration }));
  };
  const found = { loaded, times, outcome, tried, settings };
  return { found, replace, setTimes, setOutcome, setTried, setSettings };
}

export function useSession(call: Call<SessionMethods>) {
  const [description, setDescription] = useState<Description>();
  const { found, replace, setTimes, setOutcome, setTried, setSettings } = useFindings();
  const { job, failure, run } = useJobs();
  const { loaded, outcome, settings } = found;

  useEffect(() => {
    void call('describe', undefined).then((answer) => {
      setDescription(answer);
      const setups = answer.setups.filter(({ usual }) => usual).map(({ id }) => id);
      setSettings((old) => ({ ...old, setups }));
    });
  }, [call, setSettings]);

  const load = async (what: string, read: (options: CallOptions) => Promise<Loaded>) => {
    const done = await run(what, async (options) => replace(await read(options)));
    if (!done) return;
    await run('Measuring layers', async (options) =>
      setTimes(await call('profile', undefined, options)),
    );
  };
  const actions = {
    loadBundled: () => load('Loading', (options) => call('loadBundled', undefined, options)),
    loadFile: (file: File) =>
      load(`Reading ${file.name}`, async (options) => {
        const bytes = new Uint8Array(await file.arrayBuffer());
        return call('load', { name: file.name, bytes }, options);
      }),
    resize: (sizes: Sizes) => load('Sizing', (options) => call('resize', sizes, options)),
    optimize: (pipeline: string) =>
      run('Optimising', async (options) => {
        const { setups, images, ...request } = settings;
        const optimized = await call('optimize', { ...request, pipeline }, options);
        setOutcome(optimized);
        setTried([]);
        const measured = await call('measure', { setups, images }, options);
        setOutcome({ ...optimized, ...measured });
      }),
    tryPictures: (files: readonly File[], size: readonly [number, number]) =>
      run('Looking at pictures', async () => {
        for (const file of files) {
          const answer = await readPicture(file, size)
            .then((picture) => call('classify', picture))
            .catch((error: Error) => ({ failed: error.message }));
          const url = URL.createObjectURL(file);
          setTried((old) => [...old, { name: file.name, url, answer }]);
        }
      }),
    saveModel: (model: string) =>
      run('Writing ONNX', async (options) => {
        const bytes = await call('exportModel', undefined, options);
        download(nameWith(model, '-fast.onnx'), bytes, 'application/octet-stream');
      }),
    savePipeline: (model: string, { optimization }: Outcome) =>
      download(nameWith(model, '-pipeline.txt'), `${optimization.pipeline}\n`, 'text/plain'),
    saveReport: (model: string, result: Outcome) =>
      download(nameWith(model, '-report.html'), reportOf(model, result), 'text/html'),
  };
  return { ...found, loaded, outcome, description, job, failure, setSettings, ...actions };
}
