/**
 * Rules of pairs that use a relay, in the order in which they are asked: first whether it can be told at all,
 * then what no NAT is to blame for, then the NATs, and last what is left when both should have met.
 */
import { endpointAddress, type IpFamily } from '../ip/address.js';
import {
  bothNats,
  bothSides,
  commonFamily,
  depends,
  type Facts,
  hasUdp,
  isReachable,
} from './facts.js';
import type { Finding, RuleCheck } from './rule.js';
import { prefixOf, sameSubnet } from './same-lan.js';
import { triedSentence } from './tried-words.js';
import type { RelayedRule } from './verdict.js';

/** The rounds of one search go out at 0, 1 and 3 s, and their pings are lost after 5: before this it is too early. */
export const searchSettledMs = 8_000;

function relayed(rule: RelayedRule, reason: string): Finding {
  return { verdict: 'relayed', rule, reason };
}

/** Nobody has sent anything to this peer lately, so nothing was tried. */
const idle: RuleCheck = ({ evidence, peer }) => {
  const { attempts } = evidence;
  const wasTried = attempts.candidates.some(({ pingsSent }) => pingsSent > 0);
  return attempts.searchingMs === undefined && !wasTried
    ? relayed(
        'idle-never-used',
        `Nothing was sent to ${peer.name} lately, so no path was looked for.`,
      )
    : undefined;
};

/** A search has just begun. */
const discoveryRunning: RuleCheck = ({ evidence }) => {
  const { searchingMs } = evidence.attempts;
  return searchingMs !== undefined && searchingMs < searchSettledMs
    ? relayed('discovery-running', 'The search for a direct path has just begun.')
    : undefined;
};

/** Our own network check has not come to an end. */
const notMeasured: RuleCheck = ({ self }) =>
  self.nat === undefined
    ? relayed('not-measured', 'The network of this machine has not been measured yet.')
    : undefined;

/** A firewall lets no UDP through at one of the two. */
const udpBlocked: RuleCheck = (facts) => {
  const blocked = bothSides(facts).filter(({ nat }) => nat !== undefined && !hasUdp(nat));
  if (blocked.length === 0) return undefined;
  const names = blocked.map(({ name }) => name).join(' and ');
  return relayed('udp-blocked', `No UDP gets through at ${names}.`);
};

/** A stock client tells nothing of its NAT, and nothing is guessed. */
const peerNotWarren: RuleCheck = (facts) =>
  facts.peer.nat === undefined
    ? relayed(
        'peer-not-warren',
        `${facts.peer.name} does not tell what NAT it is behind.${tried(facts)}`,
      )
    : undefined;

/** One has IPv4 alone, the other IPv6 alone. */
const noCommonFamily: RuleCheck = (facts) => {
  const nats = bothNats(facts);
  return nats !== undefined && commonFamily(...nats) === undefined
    ? relayed('no-common-family', 'One has IPv4 alone and the other IPv6 alone.')
    : undefined;
};

/** Both are behind one address and share a subnet, and yet don't hear each other there. */
const sameLanIsolated: RuleCheck = ({ evidence, self, peer }) => {
  const [ours, theirs] = [self.nat?.ipv4.mapped, peer.nat?.ipv4.mapped];
  if (ours === undefined || theirs === undefined) return undefined;
  if (endpointAddress(ours) !== endpointAddress(theirs)) return undefined;
  const own = evidence.self.endpoints.filter(({ type }) => type === 'local');
  const near = evidence.peer.endpoints.find((endpoint) =>
    own.some((local) => sameSubnet(local.endpoint, endpoint)),
  );
  if (near === undefined) return undefined;
  const subnet = prefixOf(near);
  return relayed(
    'same-lan-isolated',
    `Both are in ${subnet} behind one router, and yet ${peer.name} does not answer at ${near}: the network keeps its machines apart.`,
  );
};

/** One of the two is reached by strangers, and all the same nothing came through. */
const reachableUnanswered: RuleCheck = (facts) => {
  const family = familyOf(facts);
  if (family === undefined) return undefined;
  const open = bothSides(facts).find((side) => isReachable(side, family));
  if (open === undefined) return undefined;
  const other = open.side === 'self' ? facts.peer : facts.self;
  return relayed(
    'reachable-unanswered',
    `Strangers reach ${open.name}, but no packet between it and ${other.name} came through: a firewall of ${other.name} drops what goes there.`,
  );
};

/** Both NATs take a new port for each destination. */
const bothHard: RuleCheck = (facts) =>
  hardness(facts).every((hard) => hard === true)
    ? relayed(
        'both-hard',
        `Both NATs take a new port for each destination: neither can be told where the other will be.${tried(facts)}`,
      )
    : undefined;

/** One NAT takes a new port for each destination, and the other lets in only what it has sent to. */
const hardAndEasy: RuleCheck = (facts) => {
  const [self, peer] = hardness(facts);
  if (self === undefined || peer === undefined || self === peer) return undefined;
  const [hard, easy] = self ? [facts.self, facts.peer] : [facts.peer, facts.self];
  return relayed(
    'hard-and-easy',
    `The NAT of ${hard.name} takes a new port for each destination, and that of ${easy.name} lets in only what it has sent to.${tried(facts)}`,
  );
};

/** One server alone answered, or another reason to know too little. */
const natUnknown: RuleCheck = (facts) => {
  const [self] = hardness(facts);
  const unknown = self === undefined ? facts.self : facts.peer;
  return hardness(facts).includes(undefined)
    ? relayed('nat-unknown', `What NAT ${unknown.name} is behind could not be measured.`)
    : undefined;
};

/** Both NATs keep one port for all, so both should have met: something else drops the packets. */
const firewallDrops: RuleCheck = (facts) =>
  relayed(
    'firewall-drops',
    `Both NATs keep one port for all, so this machine and ${facts.peer.name} should have met: a firewall between them drops their packets.`,
  );

function tried({ evidence }: Facts): string {
  return triedSentence(evidence.attempts.portSearch);
}

function familyOf(facts: Facts): IpFamily | undefined {
  const nats = bothNats(facts);
  return nats === undefined ? undefined : commonFamily(...nats);
}

/** Whether each mapping depends on the destination, ours first. */
function hardness(facts: Facts): readonly [boolean | undefined, boolean | undefined] {
  const nats = bothNats(facts);
  const family = familyOf(facts);
  if (nats === undefined || family === undefined) return [undefined, undefined];
  return [depends(nats[0], family), depends(nats[1], family)];
}

export const relayedRules: readonly RuleCheck[] = [
  idle,
  discoveryRunning,
  notMeasured,
  udpBlocked,
  peerNotWarren,
  noCommonFamily,
  sameLanIsolated,
  reachableUnanswered,
  bothHard,
  hardAndEasy,
  natUnknown,
  firewallDrops,
];
