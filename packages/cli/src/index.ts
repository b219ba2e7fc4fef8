export { main } from './cli.ts';
export type { Io } from './io.ts';
