/** The hosts behind the two machines of a tunnel whose traffic packet-judge.ts makes and judges. */

export type Side = 'left' | 'right';

/** Last bytes of their addresses. */
export const HOSTS: Readonly<Record<Side, number>> = { left: 33, right: 34 };

/** The host's prefixes, of both families. */
export function hostPrefixes(side: Side): readonly string[] {
  return [`100.64.0.${HOSTS[side]}/32`, `fd7a:115c:a1e0::${HOSTS[side].toString(16)}/128`];
}
