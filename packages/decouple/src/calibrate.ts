/** Calibration data of a run, opened and closed around it. */
import type { Backend } from '@decouple/backend';
import { cpu } from '@decouple/backend-cpu';
import {
  createCalibration,
  sampleDataset,
  type Calibration,
  type Dataset,
} from '@decouple/calibration';
import type { Graph } from '@decouple/ir';

export interface CalibrationSettings {
  /** Preprocessed images that show passes what the layers see; never those on which accuracy is reported. */
  readonly calibration?: Dataset | undefined;
  /** How many of them, equally many per class when labels are known. Default 512. */
  readonly samples?: number | undefined;
  /** For the choice of samples and all that passes draw. Same input, options and seed: same result. Default 1. */
  readonly seed?: number | undefined;
  /** Runs networks on the calibration data. Default: `cpu()`. */
  readonly backend?: Backend | undefined;
  /**
   * Calibration data already open, instead of all of the above: several runs on one network share what they compute.
   * See {@link openCalibration}.
   */
  readonly opened?: Calibration | undefined;
}

/** The defaults of what a run depends on. */
export const defaults = { samples: 512, seed: 1 } as const;

/**
 * Opens calibration data for several runs; to be disposed of afterwards.
 * @param original the network whose responses are the target.
 * @throws DataError when the data don't fit it.
 */
export function openCalibration(
  original: Graph,
  settings: CalibrationSettings & { readonly calibration: Dataset },
): Calibration {
  const { samples = defaults.samples, seed = defaults.seed, backend = cpu() } = settings;
  const dataset = sampleDataset(settings.calibration, samples, seed);
  return createCalibration({ original, dataset, backend, seed });
}

/**
 * Does a job with calibration data, if there are any.
 * @param original the network whose responses are the target.
 * @throws DataError when the data don't fit it.
 */
export async function withCalibration<T>(
  original: Graph,
  settings: CalibrationSettings,
  job: (calibration: Calibration | undefined) => Promise<T>,
): Promise<T> {
  const { opened, calibration } = settings;
  if (opened || !calibration) return job(opened);
  const own = openCalibration(original, { ...settings, calibration });
  try {
    return await job(own);
  } finally {
    own.dispose();
  }
}
