/**
 * Who is connected under which key, and who is owed word when a key leaves.
 *
 * A key may have several connections: a node that reconnects before its old connection is known dead, or a cloned
 * machine. The most recent one to send anything is active and receives. Kicking the others would make clones
 * fight in a reconnect loop; instead, once an older connection takes the key back, all of them are told.
 */
import type { Counters } from '../base/counters.js';
import type { NodeKey } from '../keys/keys.js';
import type { Connection } from './connection.js';
import type { RelayConnectionId } from './io.js';

/** Connections of one key; beyond it the oldest idle one is closed. */
const DUPLICATES_MAX = 8;
/** Peers whose departure one connection is told about; a node of a large network talks to fewer by relay. */
const HEARD_FROM_MAX = 4096;

interface ClientSet {
  /** Oldest first. */
  readonly connections: Connection[];
  active: Connection;
  /** The members were told that they share a key. */
  announced: boolean;
}

/** What a change of a key's connections asks the server to do. */
export interface DuplicateNews {
  readonly tell: readonly Connection[];
  readonly problem: boolean;
}

export class Registry {
  readonly #counters: Counters;
  readonly #sets = new Map<NodeKey, ClientSet>();
  /** By source: connections that received from it. */
  readonly #watchers = new Map<NodeKey, Set<RelayConnectionId>>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Distinct keys connected. */
  get keys(): number {
    return this.#sets.size;
  }

  /** The connection that receives for `key`. */
  active(key: NodeKey): Connection | undefined {
    return this.#sets.get(key)?.active;
  }

  /** Enters a connection that has just proved `key`; it becomes the active one. Returns one to close, if any. */
  add(key: NodeKey, connection: Connection): Connection | undefined {
    const set = this.#sets.get(key);
    if (set === undefined) {
      this.#sets.set(key, { connections: [connection], active: connection, announced: false });
      return undefined;
    }
    this.#counters.add('duplicate-connection');
    set.connections.push(connection);
    set.active = connection;
    return set.connections.length > DUPLICATES_MAX ? set.connections[0] : undefined;
  }

  /** `connection` sent something: it is the active one of its key now. */
  touch(key: NodeKey, connection: Connection): DuplicateNews | undefined {
    const set = this.#sets.get(key);
    if (set === undefined || set.active === connection) return undefined;
    set.active = connection;
    if (set.announced) return undefined;
    set.announced = true;
    this.#counters.add('duplicate-announced');
    return { tell: [...set.connections], problem: true };
  }

  /** Takes a connection out. `last`: its key has left. */
  remove(
    key: NodeKey,
    connection: Connection,
  ): { readonly last: boolean; readonly news: DuplicateNews | undefined } {
    const set = this.#sets.get(key);
    const at = set?.connections.indexOf(connection) ?? -1;
    if (set === undefined || at < 0) return { last: false, news: undefined };
    set.connections.splice(at, 1);
    const newest = set.connections.at(-1);
    if (newest === undefined) {
      this.#sets.delete(key);
      return { last: true, news: undefined };
    }
    if (set.active === connection) set.active = newest;
    const cleared = set.announced && set.connections.length === 1;
    if (cleared) set.announced = false;
    return { last: false, news: cleared ? { tell: [newest], problem: false } : undefined };
  }

  /** `receiver` gets a packet of `source`: it will hear when that key leaves. */
  watch(source: NodeKey, receiver: Connection): void {
    if (receiver.heardFrom.has(source)) return;
    if (receiver.heardFrom.size >= HEARD_FROM_MAX) {
      this.#counters.add('watch-refused');
      return;
    }
    receiver.heardFrom.add(source);
    let watchers = this.#watchers.get(source);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(source, watchers);
    }
    watchers.add(receiver.id);
  }

  /** Who is owed word that `source` left; the subscription ends with it. */
  takeWatchers(source: NodeKey): Iterable<RelayConnectionId> {
    const watchers = this.#watchers.get(source);
    this.#watchers.delete(source);
    return watchers ?? [];
  }

  /** `receiver` has left: nothing is owed to it. */
  forgetWatcher(receiver: Connection): void {
    for (const source of receiver.heardFrom) {
      const watchers = this.#watchers.get(source);
      watchers?.delete(receiver.id);
      if (watchers?.size === 0) this.#watchers.delete(source);
    }
    receiver.heardFrom.clear();
  }
}
