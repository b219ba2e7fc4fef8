import { correctBias, correctScale } from './correct.ts';
import { refit } from './refit.ts';

export { correctBias, correctScale, refit };
export {
  composed,
  densePatch,
  segmentEndingAt,
  segmentsOf,
  type Segment,
  type Stage,
} from './segment.ts';
export { toRows, type Kernel } from './kernel.ts';
export const refitPasses = [refit, correctBias, correctScale] as const;
