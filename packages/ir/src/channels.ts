/**
 * Channels: the indices along axis 1 of a value. An op record may tell which channels of its inputs and outputs
 * belong together, so that some of them can be removed everywhere at once without a list of ops anywhere else.
 */
import type { InputTypes } from './define-op.ts';
import { normalizeAxes } from './shapes.ts';
import type { ValueType } from './types.ts';

/** Where channels lie: channel t takes indices `first + t·block … + block - 1` along an axis. */
export type ChannelPlace = (
  | {
      /** Index of an input. */
      readonly input: number;
      /** Default 1; constants may have their channels elsewhere. */
      readonly axis?: number;
    }
  | {
      /** Index of an output; along axis 1. */
      readonly output: number;
    }
) & {
  /** Default 0. */
  readonly first?: number;
  /** Default 1. */
  readonly block?: number;
};

/**
 * Channels that exist in all the places or in none. A tie without an output is summed over: removing a channel that
 * is zero, or whose weights are zero, changes nothing. One with an output goes together with what reads the output.
 */
export interface ChannelTie {
  readonly count: number;
  readonly places: readonly ChannelPlace[];
}

/** What an op does with channels. Inputs that no tie mentions are needed with all their channels. */
export type ChannelRelation<Attrs = Readonly<Record<string, unknown>>> =
  | {
      readonly ties: readonly ChannelTie[];
      /** Attributes when `counts[i]` channels of tie i are left; absent: they stay. */
      resize?(counts: readonly number[]): Attrs;
    }
  /** Output channel j is channel `picks[j]` of input 0. */
  | { readonly picks: readonly number[] };

/** The number of channels, when the value has such an axis of known size. */
export const channelsOf = (type: ValueType | null | undefined): number | undefined => {
  const dim = type?.shape[1];
  return typeof dim === 'number' ? dim : undefined;
};

type Ties = { readonly ties: readonly ChannelTie[] } | undefined;

/** Channel c of the output is made from channel c of the one input. */
export function sameChannels(
  inputs: InputTypes,
  _attrs: unknown,
  outputs: readonly ValueType[],
): Ties {
  const count = channelsOf(inputs[0]);
  if (count === undefined || channelsOf(outputs[0]) !== count) return undefined;
  return { ties: [{ count, places: [{ input: 0 }, { output: 0 }] }] };
}

/** The same for an op that mixes elements along some axes (negative ones count from the end), unless 1 is among them. */
export const channelsBeside = (
  axes: readonly number[],
  inputs: InputTypes,
  outputs: readonly ValueType[],
): Ties =>
  normalizeAxes(axes, inputs[0]?.shape.length ?? 0).includes(1)
    ? undefined
    : sameChannels(inputs, undefined, outputs);

/** Channel c of the output is made from channel c of all inputs that have more than one. */
export function broadcastChannels(inputs: InputTypes, output: ValueType | undefined): Ties {
  const count = channelsOf(output);
  if (count === undefined || !output) return undefined;
  const tied = inputs.flatMap((type, input) => {
    const axis = 1 - output.shape.length + (type?.shape.length ?? 0);
    return type?.shape[axis] === count ? [{ input, axis }] : [];
  });
  return { ties: [{ count, places: [...tied, { output: 0 }] }] };
}

/** The same elements in the same order: channels are whole parts of those of the other side. */
export function viewChannels(x: ValueType | undefined, y: ValueType | undefined): Ties {
  const [from, to] = [channelsOf(x), channelsOf(y)];
  if (!from || !to || x?.shape[0] !== y?.shape[0]) return undefined;
  const count = Math.min(from, to);
  if (from % count || to % count) return undefined;
  const places = [
    { input: 0, block: from / count },
    { output: 0, block: to / count },
  ];
  return { ties: [{ count, places }] };
}
