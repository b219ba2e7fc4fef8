/**
 * A pipeline as the form shows it: passes, repeats and groups with each option as the text that the user gives. The
 * worker checks it; here it only becomes text, and items move.
 */

/** Options by name, each as a pipeline's text has it: `0.4x`, `[conv1, conv2]`. */
export type OptionTexts = Readonly<Record<string, string>>;

export type Item =
  | { readonly kind: 'pass'; readonly name: string; readonly options: OptionTexts }
  | { readonly kind: 'repeat'; readonly max: string; readonly steps: readonly Item[] }
  | { readonly kind: 'group'; readonly name: string; readonly steps: readonly Item[] };

/** Where an item stands: its place in the pipeline, then in the group, … */
export type Path = readonly number[];

function formatItem(item: Item): string {
  if (item.kind === 'repeat') {
    const options = item.max === '' ? '' : `{max=${item.max}}`;
    return `repeat${options}(${formatItems(item.steps)})`;
  }
  if (item.kind === 'group') return `${item.name}(${formatItems(item.steps)})`;
  const given = Object.entries(item.options).filter(([, text]) => text.trim() !== '');
  if (!given.length) return item.name;
  return `${item.name}{${given.map(([name, text]) => `${name}=${text}`).join(', ')}}`;
}

/** The text of a pipeline. */
export const formatItems = (items: readonly Item[]): string => items.map(formatItem).join(', ');

const withSteps = (item: Item | undefined, change: (steps: readonly Item[]) => Item[]): Item[] =>
  item === undefined || item.kind === 'pass' ? [] : [{ ...item, steps: change(item.steps) }];

/** Changes the list that holds the item at a path; `change` gets the list and the place within it. */
function changeList(
  items: readonly Item[],
  path: Path,
  change: (list: readonly Item[], index: number) => Item[],
): Item[] {
  const [index = 0, ...rest] = path;
  if (!rest.length) return change(items, index);
  const changed = withSteps(items[index], (steps) => changeList(steps, rest, change));
  return items.toSpliced(index, 1, ...changed);
}

/** The pipeline with another item at a path. */
export const replaceItem = (items: readonly Item[], path: Path, item: Item): Item[] =>
  changeList(items, path, (list, index) => list.with(index, item));

/** The pipeline without the item at a path. */
export const removeItem = (items: readonly Item[], path: Path): Item[] =>
  changeList(items, path, (list, index) => list.toSpliced(index, 1));

/** The pipeline with one more item, before the one at a path. */
export const insertItem = (items: readonly Item[], path: Path, item: Item): Item[] =>
  changeList(items, path, (list, index) => list.toSpliced(index, 0, item));

/** The pipeline with an item moved within its list. */
export function moveItem(items: readonly Item[], path: Path, to: number): Item[] {
  return changeList(items, path, (list, index) => {
    const item = list[index];
    if (item === undefined) return [...list];
    const place = Math.min(Math.max(to, 0), list.length - 1);
    return list.toSpliced(index, 1).toSpliced(place, 0, item);
  });
}
