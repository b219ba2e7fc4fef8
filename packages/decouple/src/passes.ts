/** The passes that come with the project, and the text syntax bound to them. There is no registry: this list is all. */
import { channelDecompositionPasses } from '@decouple/pass-channel-decomposition';
import { channelPruningPasses } from '@decouple/pass-channel-pruning';
import { fusionPasses } from '@decouple/pass-fusion';
import {
  describePass,
  parsePipeline as parseWith,
  type Pass,
  type PassDescription,
  type Pipeline,
} from '@decouple/pass-manager';
import { networkDecouplingPasses } from '@decouple/pass-network-decoupling';
import { spatialDecompositionPasses } from '@decouple/pass-spatial-decomposition';
import { refitPasses } from '@decouple/pass-refit';
import { searchPasses } from '@decouple/search';

export const builtInPasses: readonly Pass[] = [
  ...fusionPasses,
  ...networkDecouplingPasses,
  ...spatialDecompositionPasses,
  ...channelDecompositionPasses,
  ...refitPasses,
  ...channelPruningPasses,
  ...searchPasses,
];

/**
 * A pipeline from its text, such as `fold-batch-norm, decouple{macs=0.4x}, fuse`.
 * @param passes known to the text besides the built-in ones.
 * @throws OptionError with the column, what was expected, and the nearest name.
 */
export const parsePipeline = (text: string, passes: readonly Pass[] = []): Pipeline =>
  parseWith(text, [...builtInPasses, ...passes]);

/** Documentation of all built-in passes, from their declarations. */
export const describePasses = (): PassDescription[] =>
  builtInPasses.map((pass) => describePass(pass));
