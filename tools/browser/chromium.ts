/** Pages in Debian's Chromium, with WebGL 2 in software: served from a folder, run until they report an end. */
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** Serves the files of a folder, isolated so that pages may share memory among threads. */
async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(
      decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname),
    );
    const file = join(folder, path === '/' ? 'index.html' : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Mesa's llvmpipe; `GL=swiftshader` takes the renderer that comes with Chromium, which is slower. */
const renderers = {
  llvmpipe: ['--use-gl=angle', '--use-angle=gl-egl', '--ignore-gpu-blocklist'],
  swiftshader: ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
} as const;

/** Pages may collect garbage and read the size of their heap. */
const measuring = ['--js-flags=--expose-gc', '--enable-precise-memory-info'];

function findChromium(): string {
  const found = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
    (path) => path !== undefined && existsSync(path),
  );
  if (!found)
    throw new Error(
      'Chromium is not installed: `apt-get install chromium`, or name it in CHROMIUM',
    );
  return found;
}

/** How the tests start Chromium. @throws when it is not installed. */
export const launchOptions = () => ({
  executablePath: findChromium(),
  headless: true,
  ignoreDefaultArgs: ['--disable-gpu'],
  args: [
    '--no-sandbox',
    '--no-first-run',
    ...measuring,
    ...renderers[process.env['GL'] === 'swiftshader' ? 'swiftshader' : 'llvmpipe'],
  ],
});

/** Opens the page of a folder, calls `use`, and closes everything. Errors and messages of the page are printed. */
export async function withPage<T>(
  folder: string,
  use: (page: Page, address: string) => Promise<T>,
): Promise<T> {
  const server = await serve(folder);
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, launchOptions());
  try {
    const page = await context.newPage();
    page.on('console', (message) => console.log(message.text()));
    page.on('pageerror', (error) => console.error(error.stack ?? error.message));
    page.on('crash', () => console.error('the page crashed'));
    return await use(page, `http://localhost:${(server.address() as AddressInfo).port}/`);
  } finally {
    await context.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
