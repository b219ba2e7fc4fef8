/** The page: its panels, and what they ask for. */
import type { JSX } from 'preact';
import { Failure } from './parts/controls.tsx';
import { Header } from './parts/header.tsx';
import { ModelPanel } from './parts/model.tsx';
import { PicturesPanel } from './parts/pictures.tsx';
import { PipelinePanel, presets } from './parts/pipeline.tsx';
import { ResultPanel } from './parts/result.tsx';
import { JobBar, RunPanel } from './parts/run.tsx';
import { usePipeline } from './use-pipeline.ts';
import { useSession } from './use-session.ts';
import type { Call } from './worker/rpc.ts';
import type { SessionMethods } from './worker/session.ts';

export function App({ call }: { call: Call<SessionMethods> }): JSX.Element {
  const pipeline = usePipeline(call, presets[0][1]);
  const session = useSession(call);
  const { description, loaded, outcome, job, failure } = session;
  const size = loaded?.pictureSize;
  return (
    <>
      <Header surroundings={description?.surroundings} />
      <main>
        {failure !== undefined && <Failure message={failure} />}
        <div class="columns">
          <div class="column">
            <ModelPanel
              {...(loaded && { loaded })}
              times={session.times}
              busy={job !== undefined || !description}
              onFile={(file) => void session.loadFile(file)}
              onBundled={() => void session.loadBundled()}
              onSizes={(sizes) => void session.resize(sizes)}
            />
          </div>
          <div class="column">
            {description && (
              <PipelinePanel
                {...pipeline}
                forms={description.passes}
                onItems={pipeline.setItems}
                onText={pipeline.setText}
              />
            )}
            {description && loaded && (
              <RunPanel
                description={description}
                loaded={loaded}
                settings={session.settings}
                onSettings={session.setSettings}
                blocked={job !== undefined || pipeline.problem !== undefined}
                onRun={() => void session.optimize(pipeline.text)}
              />
            )}
          </div>
        </div>
        {loaded && outcome && (
          <ResultPanel
            outcome={outcome}
            onModel={() => void session.saveModel(loaded.name)}
            onPipeline={() => session.savePipeline(loaded.name, outcome)}
            onReport={() => session.saveReport(loaded.name, outcome)}
          />
        )}
        {size && (
          <PicturesPanel
            size={size}
            tried={session.tried}
            busy={job !== undefined}
            onFiles={(files) => void session.tryPictures(files, size)}
          />
        )}
      </main>
      {job && <JobBar job={job} />}
    </>
  );
}
