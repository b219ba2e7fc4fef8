export { fitRates, relativeError, type Sample } from './fit.ts';
export { addWork, nanoseconds, scaleWork, type Rates, type Work } from './work.ts';
