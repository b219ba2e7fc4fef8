/** Disjoint sets of the numbers 0 … size - 1; a set is named by its smallest member. */
export interface UnionFind {
  find(member: number): number;
  unite(a: number, b: number): void;
}

export function unionFind(size: number): UnionFind {
  const parent = Int32Array.from({ length: size }, (_, member) => member);
  const find = (member: number): number => {
    let root = member;
    while (parent[root] !== root) root = parent[root] as number;
    for (let at = member; at !== root;) {
      const next = parent[at] as number;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  return {
    find,
    unite: (a, b) => {
      const [left, right] = [find(a), find(b)];
      parent[Math.max(left, right)] = Math.min(left, right);
    },
  };
}
