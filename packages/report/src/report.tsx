/** A report as one HTML file that needs nothing else: no network, no script. */
/** @jsxRuntime automatic */
/** @jsxImportSource preact */
import type { ComponentChildren, JSX } from 'preact';
import { renderToString } from 'preact-render-to-string';
import type { ReportData } from './data.ts';
import { DrawingView } from './drawing/drawing.tsx';
import { Kernels } from './kernels.tsx';
import { Layers } from './layers.tsx';
import { LedgerTables } from './ledger.tsx';
import { Passes, Refusals } from './passes.tsx';
import { Provenance } from './provenance.tsx';
import { reportCss } from './style.ts';
import { Totals, TotalsChart } from './totals.tsx';

const pageCss = `main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem;display:grid;gap:1rem;grid-template-columns:minmax(0,1fr)}
.halves{display:grid;gap:1rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}`;

const Section = ({ title, children }: { title: string; children: ComponentChildren }) => (
  <section class="panel">
    <h2>{title}</h2>
    {children}
  </section>
);

function Report({ data }: { data: ReportData }): JSX.Element {
  const { model, optimization, settings, speeds, accuracy, drawing } = data;
  const { passes, pipeline, ledger } = optimization;
  return (
    <main>
      <h1>{model}, optimised</h1>
      <Section title="Result">
        <div class="halves">
          <Totals optimization={optimization} speeds={speeds} accuracy={accuracy} />
          <TotalsChart optimization={optimization} speeds={speeds} />
        </div>
      </Section>
      <Section title="How it was made">
        <Provenance pipeline={pipeline} settings={settings} />
      </Section>
      <Section title="Layers">
        <Layers optimization={optimization} speeds={speeds} />
      </Section>
      {ledger && (
        <Section title="Where the error comes from">
          <LedgerTables ledger={ledger} />
        </Section>
      )}
      <Section title="Passes">
        <Passes passes={passes} />
        <Refusals passes={passes} />
      </Section>
      <Section title="Kernels chosen">
        <Kernels speeds={speeds} />
      </Section>
      {drawing && (
        <Section title="The optimised network">
          <div class="scroll" tabIndex={0} role="region" aria-label="Graph of the network">
            <DrawingView drawing={drawing} />
          </div>
        </Section>
      )}
    </main>
  );
}

/** The report as an HTML document. */
export function renderReport(data: ReportData): string {
  const document = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${data.model}, optimised by Decouple`}</title>
        <style dangerouslySetInnerHTML={{ __html: reportCss() + pageCss }} />
      </head>
      <body>
        <Report data={data} />
      </body>
    </html>
  );
  return `<!doctype html>\n${renderToString(document)}\n`;
}
