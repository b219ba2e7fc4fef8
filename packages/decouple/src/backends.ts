/** The backends that run anywhere. A backend is a value: pass any other that keeps the contract. */
import { interpreterBackend, type Backend } from '@decouple/backend';

/** The interpreter: slow, exact, and the oracle for all others. */
export const reference = (): Backend => interpreterBackend();
export { cpu } from '@decouple/backend-cpu';
export { gpu, gpuModes, type GpuMode, type GpuOptions } from '@decouple/backend-gpu';
