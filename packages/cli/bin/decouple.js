#!/usr/bin/env node
/*
 * The command's entry. An installed package holds compiled code, which is loaded at once. A clone of the repository
 * holds sources: they run through tsx, in a child process because Node takes `--conditions` only at its start.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const compiled = new URL('../dist/main.js', import.meta.url);
const isInstalled = existsSync(compiled) && !existsSync(new URL('../src', import.meta.url));

if (isInstalled) await import(compiled.href);
else {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const flags = ['--conditions=@decouple/source', '--import', import.meta.resolve('tsx')];
  const child = spawn(process.execPath, [...flags, main, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // A terminal signals both processes; main.ts takes signals that come together for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`decouple: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal ?? 'SIGTERM'] ?? 15);
  });
}
