import { channelPrune } from './channel-prune.ts';
import { removeUnusedChannels } from './remove-unused-channels.ts';

export { channelPrune, removeUnusedChannels };
export { pruning, type Pruned, type PruningOptions } from './plans.ts';
export type { Method } from './select.ts';

export const channelPruningPasses = [channelPrune, removeUnusedChannels] as const;
