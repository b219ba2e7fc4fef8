/** What a report is made of: plain data that workers can send and files can hold. */
import type { Accuracy, OptimizeReport, Speed } from 'decouple';
import type { Drawing } from './drawing/layout.ts';

/** A report of an optimisation without its table of text. */
export type Optimization = Omit<OptimizeReport, 'table'>;

/** Accuracies of both networks on the same images. */
export interface AccuracyPair {
  /** Name of the images. */
  readonly data: string;
  readonly before: Accuracy;
  readonly after: Accuracy;
}

/** What the result depends on. */
export interface Settings {
  readonly seed: number;
  /** Name of the calibration images, and how many passes saw; absent without any. */
  readonly calibration?: { readonly name: string; readonly samples: number };
  /** Versions of the project and of what ran it. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface ReportData {
  /** Name of the model. */
  readonly model: string;
  readonly optimization: Optimization;
  readonly settings: Settings;
  /** One for each backend. */
  readonly speeds: readonly Speed[];
  readonly accuracy?: AccuracyPair;
  /** Of the optimised network; absent when it is too large to be drawn. */
  readonly drawing?: Drawing;
}
