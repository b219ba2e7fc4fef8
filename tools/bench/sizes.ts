/** Bytes of code that an application ships, as files and compressed. */
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bindSymbols, compileAhead, cpu, optimize } from 'decouple';
import { tfjsFolder } from './engines.ts';
import { inRepository, networks } from './networks.ts';
import type { SizeRecord } from './records.ts';
import { bundle } from './start.ts';

const require = createRequire(import.meta.url);

const sizeOf = (what: string, ...parts: readonly Uint8Array[]): SizeRecord => ({
  what,
  bytes: parts.reduce((sum, { length }) => sum + length, 0),
  gzipBytes: parts.reduce((sum, part) => sum + gzipSync(part).length, 0),
});

const sizeOfFiles = (what: string, folder: string, names: readonly string[]): SizeRecord =>
  sizeOf(what, ...names.map((name) => readFileSync(join(folder, name))));

/** All that a compiled network is but its weights. */
export async function compiledSizes(): Promise<SizeRecord> {
  const graph = bindSymbols(networks.vgg16.make(), { N: 1 });
  const { wasm, js } = compileAhead((await optimize(graph, cpu().legalize)).graph);
  const module = new WebAssembly.Module(Buffer.concat(wasm));
  const section = (name: string): Uint8Array =>
    new Uint8Array(WebAssembly.Module.customSections(module, name)[0] as ArrayBuffer);
  return sizeOf(
    'ours, VGG16 compiled ahead of time, without weights',
    wasm[0] as Uint8Array,
    section('fma'),
    section('decouple'),
    Buffer.from(js),
  );
}

async function bundleSizes(): Promise<SizeRecord> {
  const folder = inRepository('out/bench/runtime');
  await bundle('runtime.ts', folder, true);
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  return sizeOfFiles('ours, ONNX import and compiler, bundled', folder, files);
}

export async function sizes(): Promise<readonly SizeRecord[]> {
  const web = join(dirname(require.resolve('onnxruntime-web')));
  const native = join(
    dirname(require.resolve('onnxruntime-node/package.json')),
    `bin/napi-v6/${process.platform}/${process.arch}`,
  );
  const core = dirname(require.resolve('@tensorflow/tfjs-core'));
  const tfjs = sizeOf(
    'tfjs-wasm, core and backend',
    readFileSync(join(core, 'tf-core.min.js')),
    readFileSync(join(tfjsFolder, 'tf-backend-wasm.min.js')),
    readFileSync(join(tfjsFolder, 'tfjs-backend-wasm-simd.wasm')),
  );
  return [
    await compiledSizes(),
    await bundleSizes(),
    sizeOfFiles('onnxruntime-web', web, [
      'ort.wasm.min.mjs',
      'ort-wasm-simd-threaded.mjs',
      'ort-wasm-simd-threaded.wasm',
    ]),
    tfjs,
    sizeOfFiles('onnxruntime-node, native library', native, readdirSync(native)),
  ];
}
