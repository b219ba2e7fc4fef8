/** The page's entry. */
import { render } from 'preact';
import { reportCss } from '@decouple/report';
import { App } from './app.tsx';
import { connect } from './worker/rpc.ts';
import type { SessionMethods } from './worker/session.ts';
import './page.css';

const style = document.createElement('style');
style.textContent = reportCss();
document.head.prepend(style);

const worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
const call = connect<SessionMethods>(worker);
const page = document.getElementById('page');
if (page) render(<App call={call} />, page);
