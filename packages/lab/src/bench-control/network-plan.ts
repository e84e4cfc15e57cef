/**
 * Networks by policy: who has which tag, and so who sees whom. Pure.
 *
 *     groups      each node sees those of its own group
 *     everybody   each node sees all
 *     rings       a few speakers, of whom the first is seen by the innermost ring, the next by one more, and so on;
 *                 nobody else sees anybody, so that an audience of ten thousand costs little to bring together
 */

export interface NetworkPlan {
  readonly nodes: number;
  readonly policy: object;
  /** Undefined: it belongs to the user. */
  readonly tagOf: (index: number) => string | undefined;
  /** Whether two nodes see each other. */
  readonly sees: (one: number, other: number) => boolean;
  /** How many a node sees, itself not counted. */
  readonly peersOf: (index: number) => number;
}

/** `owner`: of all tags. */
function policyOf(owner: string, tags: readonly string[], rules: readonly Rule[]): object {
  return {
    tagOwners: Object.fromEntries(tags.map((tag) => [tag, [owner]])),
    acls: rules.map(({ from, to }) => ({ action: 'accept', src: [...from], dst: [`${to}:*`] })),
  };
}

interface Rule {
  readonly from: readonly string[];
  readonly to: string;
}

export function groupsPlan(owner: string, nodes: number, size: number): NetworkPlan {
  const count = Math.ceil(nodes / size);
  const tags = Array.from({ length: count }, (_, group) => `tag:group-${group}`);
  // Every count-th node: a group's members join all the time.
  const groupOf = (index: number): number => index % count;
  return {
    nodes,
    policy: policyOf(
      owner,
      tags,
      tags.map((tag) => ({ from: [tag], to: tag })),
    ),
    tagOf: (index) => tags[groupOf(index)],
    sees: (one, other) => one !== other && groupOf(one) === groupOf(other),
    peersOf: (index) => Math.ceil((nodes - groupOf(index)) / count) - 1,
  };
}

export function everybodyPlan(nodes: number): NetworkPlan {
  return {
    nodes,
    policy: { acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }] },
    tagOf: () => undefined,
    sees: (one, other) => one !== other,
    peersOf: () => nodes - 1,
  };
}

export interface RingsPlan extends NetworkPlan {
  /** Index of the speaker of each audience. */
  readonly speakers: readonly number[];
}

/** `audiences`: rising. */
export function ringsPlan(owner: string, audiences: readonly number[]): RingsPlan {
  const listeners = audiences.at(-1) ?? 0;
  const rings = audiences.map((_, ring) => `tag:ring-${ring}`);
  const voices = audiences.map((_, ring) => `tag:voice-${ring}`);
  const ringOf = (index: number): number => audiences.findIndex((size) => index < size);
  const isSpeaker = (index: number): boolean => index >= listeners;
  const hears = (listener: number, speaker: number): boolean =>
    !isSpeaker(listener) && isSpeaker(speaker) && listener < (audiences[speaker - listeners] ?? 0);
  return {
    nodes: listeners + audiences.length,
    policy: policyOf(
      owner,
      [...rings, ...voices],
      voices.map((to, ring) => ({ from: rings.slice(0, ring + 1), to })),
    ),
    tagOf: (index) => (isSpeaker(index) ? voices[index - listeners] : rings[ringOf(index)]),
    sees: (one, other) => hears(one, other) || hears(other, one),
    peersOf: (index) =>
      isSpeaker(index)
        ? (audiences[index - listeners] ?? 0)
        : audiences.length - Math.max(0, ringOf(index)),
    speakers: audiences.map((_, ring) => listeners + ring),
  };
}
