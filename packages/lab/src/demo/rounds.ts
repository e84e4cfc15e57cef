/** Which pairs go at the same time. Pure. */

/** Two of a list of `count`, by index, the smaller first. */
export type Couple = readonly [number, number];

/**
 * Every two of `count` meet once, in as few rounds as there can be; nobody is twice in a round (the circle
 * method: one stands, the others move on by one place a round).
 */
export function tournament(count: number): readonly (readonly Couple[])[] {
  // With an odd number one rests in each round: the partner of the place that nobody has.
  const places = count + (count % 2);
  return Array.from({ length: Math.max(0, places - 1) }, (_, round) => {
    const circle = [
      0,
      ...Array.from({ length: places - 1 }, (_place, at) => 1 + ((at + round) % (places - 1))),
    ];
    return Array.from({ length: places / 2 }, (_pair, at): Couple => {
      const [a = 0, b = 0] = [circle[at], circle[places - 1 - at]];
      return a < b ? [a, b] : [b, a];
    }).filter(([, larger]) => larger < count);
  });
}

/** Two who talk. */
interface Named {
  readonly from: string;
  readonly to: string;
}

function shares(a: Named, b: Named): boolean {
  return [a.from, a.to].some((name) => name === b.from || name === b.to);
}

/** Pairs in groups of which none has a machine twice, the first group as large as the order allows. */
export function disjointGroups<Pair extends Named>(pairs: readonly Pair[]): Pair[][] {
  const groups: Pair[][] = [];
  for (const pair of pairs) {
    const free = groups.find((group) => !group.some((other) => shares(pair, other)));
    if (free === undefined) groups.push([pair]);
    else free.push(pair);
  }
  return groups;
}

/**
 * One pair per kind. Kinds with few pairs choose first, and each takes a pair that shares no machine with
 * those chosen, if it has one, so that they can go at the same time.
 */
export function oneOfEach<Pair extends Named>(
  pairs: readonly Pair[],
  kindOf: (pair: Pair) => string | null,
): Pair[] {
  const byKind = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const kind = kindOf(pair);
    if (kind !== null) byKind.set(kind, [...(byKind.get(kind) ?? []), pair]);
  }
  const chosen: Pair[] = [];
  for (const candidates of [...byKind.values()].sort((a, b) => a.length - b.length)) {
    const free = candidates.find((pair) => !chosen.some((other) => shares(pair, other)));
    chosen.push(...[free ?? candidates[0]].filter((pair) => pair !== undefined));
  }
  return chosen;
}
