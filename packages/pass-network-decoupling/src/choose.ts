/** From a target and the candidates of all layers to one candidate per layer. */
import { OptionError } from '@decouple/tensor';
import { allocate } from './allocate.ts';
import { denseCandidate, type Candidate, type Decoupled } from './candidates.ts';
import type { Form } from './factors.ts';
import type { Layer } from './layer.ts';
import { termChannels } from './macs.ts';
import type { Target } from './options.ts';
import { energyCurve } from './slices.ts';

const isDecoupled = (candidate: Candidate): candidate is Decoupled => candidate.form !== 'dense';

/** The candidate of each form whose mean number of terms per channel is nearest to `terms`; the best of them. */
function nearest(
  layer: Layer,
  candidates: readonly Candidate[],
  terms: number,
): Candidate | undefined {
  const best = new Map<Form, Decoupled>();
  const distance = (c: Decoupled): number =>
    Math.abs(c.terms / termChannels(layer.size, c.form) - terms);
  for (const candidate of candidates.filter(isDecoupled)) {
    const current = best.get(candidate.form);
    if (!current || distance(candidate) < distance(current)) best.set(candidate.form, candidate);
  }
  return [...best.values()].sort((a, b) => a.error - b.error)[0];
}

/** The cheapest candidate that keeps `energy`: mean over channels for equal terms, of the layer for unequal ones. */
function keepingEnergy(candidates: readonly Candidate[], energy: number): Candidate | undefined {
  return candidates
    .filter(isDecoupled)
    .filter((candidate) => {
      const { slices, terms } = candidate;
      const channels = slices.reduce((sum, slice) => sum + slice.channels, 0);
      const perChannel = terms / channels;
      const kept = Number.isInteger(perChannel)
        ? slices.reduce((sum, slice) => sum + (energyCurve(slice)[perChannel - 1] ?? 1), 0) /
          slices.length
        : 1 - candidate.error;
      return kept >= energy - 1e-12;
    })
    .sort((a, b) => a.macs - b.macs)[0];
}

/**
 * One candidate per layer; `undefined` for layers that the target does not mention.
 * @param otherMacs MACs of the rest of the network, which the budget includes.
 * @throws OptionError when a table names unknown layers or the budget can't be met.
 */
export function chooseCandidates(
  layers: readonly Layer[],
  candidates: readonly (readonly Candidate[])[],
  target: Target,
  otherMacs: number,
): (Candidate | undefined)[] {
  switch (target.kind) {
    case 'terms':
      return layers.map((layer, index) => nearest(layer, candidates[index] ?? [], target.terms));
    case 'energy':
      return layers.map((_, index) => keepingEnergy(candidates[index] ?? [], target.energy));
    case 'table': {
      const names = new Set(layers.map(({ conv }) => conv.name));
      const unknown = Object.keys(target.terms).filter((name) => !names.has(name));
      if (unknown.length)
        throw new OptionError(
          `decouple: no layer to decouple is named ${unknown.join(', ')}; there are ${[...names].join(', ')}`,
        );
      return layers.map((layer, index) => {
        const terms = target.terms[layer.conv.name];
        return terms === undefined ? undefined : nearest(layer, candidates[index] ?? [], terms);
      });
    }
    case 'macs': {
      const all = layers.map((layer, index) => [
        denseCandidate(layer),
        ...(candidates[index] ?? []).filter(({ macs }) => macs < denseCandidate(layer).macs),
      ]);
      const chosen = allocate(all, target.macs - otherMacs);
      if (chosen) return chosen;
      const least = all.reduce(
        (sum, list) => sum + Math.min(...list.map(({ macs }) => macs)),
        otherMacs,
      );
      throw new OptionError(
        `decouple: a budget of ${target.macs} MACs can't be met; one term per layer gives ${least} MACs`,
      );
    }
  }
}
