/** Why two profiles stay on the relay, should they: what `warren why` has to name, from the truth alone. */
import type { Family, Profile, RelayRule } from './profile.js';

/** The first of RELAY_RULES that holds for the pair; undefined: nothing of the kind keeps them apart. */
export function relayRuleOf(a: Profile, b: Profile): RelayRule | undefined {
  if (!hasUdp(a) || !hasUdp(b)) return 'udp-blocked';
  const family = ([4, 6] as const).find(
    (each) => dependsOf(a, each) !== undefined && dependsOf(b, each) !== undefined,
  );
  if (family === undefined) return 'no-common-family';
  const dependent = [a, b].filter((profile) => dependsOf(profile, family) === true).length;
  if (dependent === 2) return 'both-hard';
  return dependent === 1 ? 'hard-and-easy' : undefined;
}

function hasUdp({ truth }: Profile): boolean {
  return truth.ipv4 !== null || truth.ipv6 !== null;
}

/** Whether the mapping depends on the destination; undefined: no UDP of this family. */
function dependsOf({ truth }: Profile, family: Family): boolean | undefined {
  const udp = family === 4 ? truth.ipv4 : truth.ipv6;
  if (udp === null) return undefined;
  return udp.mapping !== 'none' && udp.mapping !== 'endpoint-independent';
}
