/** Rules of pairs between which nothing passes. They hold only where no direct path is in use. */
import type { RuleCheck } from './rule.js';

/** Control has not heard of the peer for a while: there is nobody to talk to. */
const peerOffline: RuleCheck = ({ evidence, peer }) =>
  evidence.peer.online === false
    ? {
        verdict: 'unreachable',
        rule: 'peer-offline',
        reason: `${peer.name} is not connected to the control server.`,
      }
    : undefined;

/** Its key is past its date: nodes treat it as not there. */
const peerExpired: RuleCheck = ({ evidence, peer }) =>
  evidence.peer.expired
    ? {
        verdict: 'unreachable',
        rule: 'peer-expired',
        reason: `The key of ${peer.name} has expired: nobody takes its packets.`,
      }
    : undefined;

/** Plain WireGuard has no relay to fall back on and answers no pings. */
const plainSilent: RuleCheck = ({ evidence, peer }) =>
  evidence.peer.isPlain
    ? {
        verdict: 'unreachable',
        rule: 'plain-wireguard-silent',
        reason: `${peer.name} speaks plain WireGuard and has not answered at its endpoint.`,
      }
    : undefined;

/** Without a relay not even the search for a better way can begin. */
const noRelay: RuleCheck = ({ evidence, peer }) =>
  evidence.self.hasRelay && evidence.path !== undefined
    ? undefined
    : {
        verdict: 'unreachable',
        rule: 'no-relay',
        reason: evidence.self.hasRelay
          ? `No relay is known through which ${peer.name} could be reached.`
          : 'This machine is connected to no relay.',
      };

export const absenceRules: readonly RuleCheck[] = [peerExpired, peerOffline, plainSilent, noRelay];
