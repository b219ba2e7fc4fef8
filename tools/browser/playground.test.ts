/** The page from end to end, as users see it: built, served, and driven in Chromium. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import { compile, cpu, evaluate, historyOf, importOnnx, inspect, tensorDataset } from 'decouple';
import { openDataset, readNpy } from 'decouple/node';
import { chromium, type Browser, type Locator, type Page, type Response } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchOptions } from './chromium.ts';
import { openSite, type Site } from './site.ts';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const model = inRepository('test-models/vgg16-cifar10.onnx');
/** Weights alone: takes seconds where fits take a minute. */
const pipeline = 'fold-batch-norm, decouple{terms=3, data=off}, fuse';
/** A job on a busy machine. */
const patience = { timeout: 500_000 };

let site: Site;
let browser: Browser;
/** The page of the long story, which several tests tell a part of. */
let page: Page;
const complaints: string[] = [];

async function open(url: string, onResponse?: (response: Response) => void): Promise<Page> {
  const opened = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  if (onResponse) opened.context().on('response', onResponse);
  opened.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  opened.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await opened.goto(url);
  await opened.getByRole('heading', { name: 'Pipeline' }).waitFor(patience);
  return opened;
}

const text = (on: Page): Locator => on.getByLabel('The same as text');
const cards = (on: Page): Promise<string[]> => on.locator('.card > details > summary').allInnerTexts();
const failure = (on: Page): Locator => on.getByRole('alert');

/** Waits until nothing is being done. */
async function idle(on: Page): Promise<void> {
  await on.locator('.job').waitFor({ state: 'detached', ...patience });
}

async function loadBundled(on: Page): Promise<void> {
  await on.getByRole('button', { name: 'Take VGG16' }).click();
  await on.getByTestId('facts').waitFor(patience);
  await idle(on);
}

async function drop(on: Page, name: string, content: Uint8Array): Promise<void> {
  const file = { name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) };
  await on.getByLabel('Drop an ONNX file here').setInputFiles(file);
  await idle(on);
}

/** Runs a pipeline and waits until everything is measured. */
async function run(on: Page, pipelineText: string, images: number): Promise<void> {
  await text(on).fill(pipelineText);
  await on.getByLabel('Images for accuracy').fill(String(images));
  await on.getByRole('button', { name: 'Optimise' }).click();
  await idle(on);
}

async function downloaded(on: Page, button: string): Promise<{ name: string; content: Buffer }> {
  const [file] = await Promise.all([
    on.waitForEvent('download'),
    on.getByRole('button', { name: button }).click(),
  ]);
  return { name: file.suggestedFilename(), content: readFileSync(await file.path()) };
}

/** Rows of the table of totals, by their heading. */
async function totals(on: Page): Promise<Map<string, string[]>> {
  const rows = await on
    .getByRole('region', { name: 'Before and after' })
    .locator('tbody tr')
    .evaluateAll((elements) =>
      elements.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
    );
  return new Map(rows.map(([name = '', ...cells]) => [name, cells]));
}

beforeAll(async () => {
  [site, browser] = await Promise.all([
    openSite(inRepository('packages/playground')),
    chromium.launch(launchOptions()),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

test('the first load is at most 500 KB, compressed as hosts do', async () => {
  const bodies: Promise<Buffer>[] = [];
  page = await open(site.url, (response) => bodies.push(response.body()));
  await page.waitForLoadState('networkidle');
  const sizes = (await Promise.all(bodies)).map((body) => gzipSync(body).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`first load: ${sizes.length} files, ${(total / 1000).toFixed(0)} KB gzip`);
  expect(sizes.length).toBeGreaterThanOrEqual(4);
  expect(total).toBeLessThanOrEqual(500_000);
});

test('the bundled model is shown with its graph and layers', async () => {
  await loadBundled(page);
  const { macs } = inspect(importOnnx(readFileSync(model)).graph);
  expect(await page.getByTestId('facts').innerText()).toContain(
    `vgg16-cifar10.onnx: ${(macs / 1e6).toPrecision(3)} M MACs`,
  );
  expect(
    await page
      .getByRole('img', { name: /^Graph of/ })
      .locator('g')
      .count(),
  ).toBe(21);
  // Arrow keys move between tabs.
  await page.getByRole('tab', { name: 'Graph' }).first().press('ArrowRight');
  const row = page.getByRole('row', {
    name: /\/conv1_2\/Conv conv2d N×32×32×32 9\.44 M 9\.2\d k [\d.]+/,
  });
  await row.waitFor();
  await page.getByRole('tab', { name: 'Layers' }).first().press('ArrowLeft');
});

test('form and text of the pipeline stay in step', async () => {
  await text(page).fill('fold-batch-norm, repeat{max=3}(merge-linear, fuse), decouple{macs=0.5x}');
  await expect
    .poll(() => cards(page))
    .toEqual([...['fold-batch-norm', 'merge-linear', 'fuse', 'decouple {macs=0.5x}']]);
  const decouple = page.getByTestId('card-decouple');
  await decouple.locator('summary').first().click();
  await decouple.getByLabel('form').selectOption('dw-pw');
  await decouple.getByLabel('rounds').fill('3');
  await decouple.getByLabel('refitDense').uncheck();
  expect(await text(page).inputValue()).toBe(
    'fold-batch-norm, repeat{max=3}(merge-linear, fuse), decouple{macs=0.5x, form=dw-pw, rounds=3, refitDense=false}',
  );
  await decouple.getByLabel('macs').fill('');
  await page.getByRole('button', { name: 'Move fuse up' }).press('Enter');
  await page.getByRole('button', { name: 'Remove fold-batch-norm' }).click();
  await page.getByLabel('Pass to add').last().selectOption('refit');
  await page.getByRole('button', { name: 'Add', exact: true }).last().click();
  expect(await text(page).inputValue()).toBe(
    'repeat{max=3}(fuse, merge-linear), decouple{form=dw-pw, rounds=3, refitDense=false}, refit',
  );
  await page.getByTestId('card-refit').dragTo(page.getByTestId('card-repeat'), {
    targetPosition: { x: 8, y: 8 },
  });
  await expect
    .poll(() => text(page).inputValue())
    .toBe(
      'refit, repeat{max=3}(fuse, merge-linear), decouple{form=dw-pw, rounds=3, refitDense=false}',
    );
});

test('a wrong pipeline is told as the parser tells it', async () => {
  await text(page).fill('fold-batch-norm, decuople');
  await expect
    .poll(() => failure(page).innerText())
    .toBe("pipeline, column 18: no pass 'decuople'; did you mean 'decouple'?");
  expect(await page.getByRole('button', { name: 'Optimise' }).isDisabled()).toBe(true);
});

test('a run gives MACs, accuracy and milliseconds on every backend', async () => {
  await run(page, pipeline, 60);
  expect(await failure(page).allInnerTexts()).toEqual([]);
  const rows = await totals(page);
  expect(rows.get('MACs')?.[2]).toMatch(/^2\.\d\dx fewer$/);
  const setups = ['cpu', 'cpu, 2 threads', 'gpu'].filter(
    (name) => name !== 'cpu, 2 threads' || rows.has('latency on cpu, 2 threads'),
  );
  for (const name of setups)
    expect(rows.get(`latency on ${name}`)?.join()).toMatch(
      /^[\d.]+ ms,[\d.]+ ms,[\d.]+x (fast|slow)er$/,
    );
  const accuracy = rows.get('top-1 accuracy on 60 images of CIFAR-10 test images');
  const expected = await evaluate(
    importOnnx(readFileSync(model)).graph,
    openDataset(inRepository('test-models/cifar10-subset/eval')),
    { limit: 60, backend: cpu() },
  );
  expect(accuracy?.[0]).toBe(`${expected.top1.toFixed(2)} %`);
  await page.getByRole('tab', { name: 'Errors' }).click();
  await page.getByRole('region', { name: 'Error of each layer' }).waitFor();
  await page.getByRole('tab', { name: 'Kernels' }).click();
  await page.getByText(/^gpu: \d+ kernels/).click();
  await page.getByText(/gpu\.js mode webgl2/).waitFor();
  await page.getByRole('tab', { name: 'Passes' }).click();
  await page.getByRole('region', { name: 'Passes in the order' }).waitFor();
  await page.getByRole('tab', { name: 'Layers' }).last().click();
});

test('a picture goes through both networks', async () => {
  const images = readNpy(inRepository('test-models/cifar10-subset/eval/eval_x.npy'));
  const planes = images.data.slice(5 * 3072, 6 * 3072) as Uint8Array;
  const pixels = Uint8Array.from(
    planes,
    (_, at) => planes[(at % 3) * 1024 + Math.floor(at / 3)] as number,
  );
  const png = await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer();
  await page
    .getByLabel('Drop pictures here')
    .setInputFiles({ name: 'mine.png', mimeType: 'image/png', buffer: png });
  await page.getByRole('img', { name: 'mine.png' }).waitFor();
  await idle(page);
  const guesses = await page.locator('.guesses').allInnerTexts();
  expect(guesses).toHaveLength(2);

  const { graph } = importOnnx(readFileSync(model));
  const { mean, std } = JSON.parse(
    readFileSync(inRepository('test-models/preprocess.json'), 'utf8'),
  ) as {
    mean: number[];
    std: number[];
  };
  const one = tensorDataset({ ...images, shape: [1, 3, 32, 32], data: planes }, undefined, {
    mean,
    std,
  });
  const session = await compile(graph, cpu());
  const { logits } = await session.run({ input: await one.batch([0]) });
  const scores = [...(logits?.data as Float32Array)];
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const share = Math.max(...powers) / powers.reduce((sum, power) => sum + power, 0);
  expect(guesses[0]).toContain(`${(100 * share).toFixed(2)} %`);
});

test('screenshots show the page wide and on a phone, light and dark', async () => {
  const folder = inRepository(process.env.SCREENSHOTS ? 'docs/images' : 'out/browser');
  await mkdir(folder, { recursive: true });
  const shot = async (name: string, width: number, height: number): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate(() => scrollTo(0, 0));
      const png = await page.screenshot({ fullPage: true });
      const small = await sharp(png).png({ palette: true, colours: 64, effort: 10 }).toBuffer();
      expect(small.length, `${name}-${colorScheme}`).toBeLessThan(150_000);
      await writeFile(`${folder}/playground-${name}-${colorScheme}.png`, small);
    }
  };
  await shot('wide', 1280, 900);
  await shot('phone', 390, 844);
  // Nothing is wider than the phone.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 900 });
});

test('nothing keeps people out: labels, roles and contrast in light and dark', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      const { axe: checker } = globalThis as unknown as { axe: typeof axe };
      const found = await checker.run(document);
      return found.violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
      );
    });
    expect(violations).toEqual([]);
  }
});

test('downloads are what the page shows, and the model comes back', async () => {
  const onnx = await downloaded(page, 'Download ONNX');
  expect(onnx.name).toBe('vgg16-cifar10-fast.onnx');
  const { graph } = importOnnx(onnx.content);
  expect(inspect(graph).macs).toBeLessThan(40e6);
  expect(historyOf(graph)).toEqual([{ pipeline, seed: 1 }]);
  const asText = await downloaded(page, 'Download pipeline');
  expect(asText.content.toString()).toBe(`${pipeline}\n`);
  const report = (await downloaded(page, 'Download report')).content.toString();
  expect(report).toMatch(/^<!doctype html>/);
  expect(report).toMatch(/2\.\d\dx fewer/);

  await drop(page, onnx.name, onnx.content);
  expect(await page.getByTestId('facts').innerText()).toMatch(/: 2\d\.\d M MACs/);
  await page.getByText(`made by ${pipeline}, seed 1`).waitFor();
});

test('a run can be cancelled, and another one started', async () => {
  await loadBundled(page);
  await text(page).fill('fold-batch-norm, decouple{macs=0.4x, relu=20}');
  await page.getByRole('button', { name: 'Optimise' }).click();
  await page.getByText(/decouple: /).waitFor(patience);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await idle(page);
  expect(await failure(page).allInnerTexts()).toEqual([]);
  expect(await page.getByRole('heading', { name: 'Result' }).count()).toBe(0);
  await page.getByLabel('gpu (gpu.js)').uncheck();
  await run(page, 'fold-batch-norm', 0);
  expect((await totals(page)).get('MACs')?.[2]).toBe('1.00x fewer');
});

test('a broken file is told as the importer tells it, and the model stays', async () => {
  const broken = readFileSync(model).subarray(0, 100_000);
  const messageFor = (name: string): string => {
    try {
      importOnnx(broken, { file: name });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  await drop(page, 'broken.onnx', broken);
  expect(await failure(page).innerText()).toBe(messageFor('broken.onnx'));
  await drop(page, 'model.pt', broken);
  expect(await failure(page).innerText()).toContain('model files are .onnx, .dcpl, .txt');
  expect(await page.getByTestId('facts').innerText()).toContain('vgg16-cifar10.onnx');
});

test('without the headers for threads it works on one, and says so', async () => {
  const plain = await open(site.plainUrl);
  await loadBundled(plain);
  expect(await plain.getByTestId('alone').innerText()).toContain('COOP and COEP');
  await plain.getByLabel('gpu (gpu.js)').uncheck();
  await run(plain, pipeline, 0);
  const rows = await totals(plain);
  expect([...rows.keys()]).toEqual(['MACs', 'parameters', 'latency on cpu']);
  await plain.close();
});

test('nothing complained on the way', () => {
  expect(complaints).toEqual([]);
});
