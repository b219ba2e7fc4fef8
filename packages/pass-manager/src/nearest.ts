/** "Did you mean …": the name closest to a misspelt one. */

/** Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(
        Math.min(replaced, (previous[column] as number) + 1, (current[column - 1] as number) + 1),
      );
    }
    previous = current;
  }
  return previous[b.length] as number;
}

/** Names longer than this are no typing errors, and comparing them takes long. */
const maxLength = 100;

/** `; did you mean 'x'?` when one of `names` is close to `name`, else a list of all names. */
export function suggestion(name: string, names: readonly string[]): string {
  const ranked = (name.length > maxLength ? [] : names)
    .map((other) => ({ other, distance: editDistance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best && best.distance <= Math.max(2, Math.floor(name.length / 3)))
    return `; did you mean '${best.other}'?`;
  return names.length ? `; expected one of ${names.join(', ')}` : '; none is expected';
}
