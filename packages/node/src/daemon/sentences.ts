/** Sentences of status and of refusals that are made of what the session knows now. */
import { EndpointType } from '@warren/core/netmap/own';
import type { Netmap } from '@warren/core/netmap/types';
import type { PathEngineStatus } from '@warren/core/path-engine/io';
import { NodeError } from '../errors.js';
import type { BackendState } from '../local-api/protocol.js';
import type { EngineHost } from './engine-host.js';
import type { Session } from './session.js';
import { regionCode } from './status.js';

export function interrupted(what: string): NodeError {
  return new NodeError(
    'UP_INTERRUPTED',
    `this \`warren up\` was interrupted: ${what}`,
    'see `warren status`; run `warren up` again if it should be up',
  );
}

export function clockSentence(session: Session | undefined): string[] {
  const sentence = session?.controlClock.sentence();
  return sentence === undefined ? [] : [sentence];
}

export function relaySentences(
  session: Session | undefined,
  engine: PathEngineStatus | undefined,
): string[] {
  return [...(session?.host?.relayTroubles(engine?.relays ?? []) ?? [])].map(
    ([regionId, reason]) =>
      `The relay of region ${regionCode(session?.netmap, regionId)} is not connected: ${reason}`,
  );
}

/** Configured endpoints that relays tried and did not get through to. */
export function endpointSentences(engine: PathEngineStatus | undefined): string[] {
  const dead = (engine?.endpoints ?? []).filter(
    ({ type, verified }) => type === EndpointType.static && verified === 'no',
  );
  return dead.map(
    ({ endpoint }) =>
      `Nothing that is sent to the static endpoint ${endpoint} from outside arrives here: check the forwarding, or take it away with \`warren set\`.`,
  );
}

/** A machine inside the range of the mesh that can't have rules for it. */
export function rulesSentence(error: Error): string {
  return `This machine's own network uses addresses of 100.64.0.0/10, as the mesh does, and there can be no routing rules here (${error.message}): peers whose addresses that network uses too are out of reach.`;
}

export function notRunning(state: BackendState): NodeError {
  if (state === 'NeedsLogin') {
    return new NodeError(
      'NOT_RUNNING',
      'this machine is logged out',
      '`warren up --auth-key KEY` logs in, the first time with --login-server',
    );
  }
  return new NodeError(
    'NOT_RUNNING',
    `this node is not connected to its network (${state})`,
    'run `warren up`; `warren status` says what it waits for',
  );
}

/** What of the session answers about peers; refused while the node takes no part in its network. */
export function runningPart(
  session: Session | undefined,
  state: BackendState,
): { readonly host: EngineHost; readonly netmap: Netmap } {
  const { host, netmap } = session ?? {};
  // A node that control has put out still knows its former peers, who don't know it.
  if (host === undefined || netmap === undefined || state !== 'Running') throw notRunning(state);
  return { host, netmap };
}
