/**
 * One map stream: what its client was told last, and what has to be said to bring it up to date.
 *
 * A session keeps no list of peers: its client knows all that its node sees, as it is, but for the peers in
 * `pending`, with what the client was told of them. So a change costs the sessions that it concerns and
 * nothing else, and changes that come while a frame is under way merge by themselves.
 */
import type { Instant } from '../../base/instant.js';
import type { NodeKey } from '../../keys/keys.js';
import { deltaResponse, type PeerDelta, peerStep, type ViewHead } from '../../netmap/diff.js';
import type { WireMapResponse, WireNode, WirePeerChange } from '../../netmap/wire.js';
import type { MapCompression } from '../map-framing.js';
import type { PublishedNetwork } from './published-network.js';
import type { NodeId, UserId } from './state.js';

export type SessionId = number;

export interface MapSession {
  readonly id: SessionId;
  readonly node: NodeId;
  readonly nodeKey: NodeKey;
  readonly compression: MapCompression;
  /** Its client keeps the tags of what it is told, to resume. */
  readonly isTagged: boolean;
  /** It has got nothing but keep-alives yet: its full map will be of the moment when it is sent. */
  awaitsMap: boolean;
  /** As it was sent. */
  head: ViewHead;
  /** Peers that may be otherwise than the client was told, with what that was; undefined: not there. */
  readonly pending: Map<NodeId, WireNode | undefined>;
  readonly pendingUsers: Set<UserId>;
  /** What the client is to fetch, to show that it works. */
  pendingPing: string | undefined;
  /** Set while a frame is under way. */
  writeDeadline: Instant | undefined;
  keepAliveAt: Instant;
  /** When the machine looks at it next. */
  alarmAt: Instant | undefined;
}

/** What a delta says, and by which name a second one that says the same is known. */
export interface SessionDelta {
  readonly response: WireMapResponse;
  /** Peers that it states or patches, as they are now. */
  readonly stated: readonly WireNode[];
  /** Undefined: it is about this session's node, nobody else's is the same. */
  readonly key: string | undefined;
}

const serials = new WeakMap<object, number>();
let lastSerial = 0;

/** A number for an object, the same for the same object. */
function serialOf(part: object): number {
  let serial = serials.get(part);
  if (serial === undefined) {
    serial = ++lastSerial;
    serials.set(part, serial);
  }
  return serial;
}

/** Brings the session up to date and says how; undefined: its client knows it all. */
export function takeDelta(
  session: MapSession,
  head: ViewHead,
  network: PublishedNetwork,
): SessionDelta | undefined {
  const changed: WireNode[] = [];
  const stated: WireNode[] = [];
  const removed: number[] = [];
  const patched: WirePeerChange[] = [];
  const users = session.pendingUsers;
  if (session.head.node.User !== head.node.User) users.add(head.node.User);
  for (const id of [...session.pending.keys()].sort((one, other) => one - other)) {
    const before = session.pending.get(id);
    const now = network.peer(session.node, id);
    if (now === before) continue;
    if (now === undefined) {
      removed.push(id);
      continue;
    }
    // Clients never forget a user, but this may be the first that they see of one.
    if (before?.User !== now.User) users.add(now.User);
    const step = before === undefined ? 'whole' : peerStep(before, now);
    if (step !== 'none') stated.push(now);
    if (step === 'whole') changed.push(now);
    else if (step !== 'none') patched.push(step);
  }
  const profiles = [...users].sort((one, other) => one - other).map((id) => network.user(id));
  const ping = session.pendingPing;
  session.pendingPing = undefined;
  session.pending.clear();
  session.pendingUsers.clear();
  const old = session.head;
  session.head = head;
  const peers: PeerDelta = { changed, removed, patched };
  const response = deltaResponse(old, head, peers, profiles);
  if (ping !== undefined) {
    const PingRequest = { URL: ping, URLIsNoise: true };
    return { response: { ...response, PingRequest }, stated, key: undefined };
  }
  if (response === undefined) return undefined;
  return { response, stated, key: sameHead(old, head) ? keyOf(peers, [...users]) : undefined };
}

function sameHead(old: ViewHead, next: ViewHead): boolean {
  return (Object.keys(next) as (keyof ViewHead)[]).every((field) => old[field] === next[field]);
}

function keyOf({ changed, removed, patched }: PeerDelta, users: readonly UserId[]): string {
  return [changed.map(serialOf), removed, patched.map(serialOf), users].join('|');
}
