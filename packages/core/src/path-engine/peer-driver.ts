/**
 * Drives the peers' path machines: gives one an input, carries out all that it says, and remembers until when
 * it waits.
 */
import type { Instant } from '../base/instant.js';
import type { PeerPathInput, PeerPathOutput } from '../paths/peer-path-io.js';
import { AwakePeers } from './awake-peers.js';
import type { DiscoDesk } from './disco-desk.js';
import type { PathChange } from './io.js';
import type { MappingSamples } from './mapping-samples.js';
import type { EngineOutputs } from './outputs.js';
import type { PathHistory } from './path-history.js';
import type { Peer } from './peers.js';
import type { PortSearchDesk } from './port-search-desk.js';

export interface PeerDriverOptions {
  readonly outputs: EngineOutputs;
  readonly samples: MappingSamples;
  readonly history: PathHistory;
  readonly desk: () => DiscoDesk;
  readonly searches: () => PortSearchDesk;
  /** A direct path ended without another in its place. */
  readonly onDirectLost: (now: Instant) => void;
}

export class PeerDriver {
  readonly #options: PeerDriverOptions;
  readonly #awake = new AwakePeers();

  constructor(options: PeerDriverOptions) {
    this.#options = options;
  }

  /** Gives a peer's machine an input and carries out what it says. */
  drive(peer: Peer, input: PeerPathInput, now: Instant): void {
    const { machine } = peer;
    if (machine === undefined) return;
    if (input.type === 'ping-received') this.#options.searches().reached(peer, input.path, now);
    machine.handle(input, now);
    for (let out = machine.poll(); out !== undefined; out = machine.poll()) {
      this.#carryOut(peer, out, now);
    }
    this.#awake.set(peer, machine.nextTimeout());
    this.#options.searches().observe(peer, now);
  }

  /** The same input for every peer that is about something. */
  driveAwake(input: PeerPathInput, now: Instant): void {
    for (const peer of [...this.#awake]) this.drive(peer, input, now);
  }

  runTimers(now: Instant): void {
    for (const peer of this.#awake.due(now)) this.drive(peer, { type: 'timeout' }, now);
  }

  nextTimeout(): Instant | undefined {
    return this.#awake.nextTimeout();
  }

  /** The way to a peer is another one now. */
  changed(change: PathChange): void {
    const { from, to, at } = change;
    if (from?.kind === 'direct' && to?.kind !== 'direct') this.#options.onDirectLost(at);
    this.#options.searches().pathChanged(change.peer, to, at);
    this.#options.history.add(change);
    this.#options.outputs.push({ type: 'path-changed', change });
  }

  /** The peer is gone. */
  forget(peer: Peer): void {
    this.#awake.set(peer, undefined);
  }

  #carryOut(peer: Peer, output: PeerPathOutput, now: Instant): void {
    const { outputs, samples, desk, searches } = this.#options;
    switch (output.type) {
      case 'ping':
        desk().sendPing(peer, output.path, output.transactionId, now);
        break;
      case 'call-me-maybe':
        desk().call(peer, now);
        break;
      case 'paths':
        outputs.down({ type: 'set-paths', peer: peer.key, paths: output.paths });
        break;
      case 'changed': {
        const { from, to, cause } = output;
        this.changed({ at: now, peer: peer.key, from, to, cause });
        break;
      }
      case 'observed':
        samples.add(peer.key, output.path.remote, output.observed, now);
        searches().observed(peer.key, output.observed);
        break;
      case 'person-ping-result': {
        const { id, result } = output;
        outputs.push({ type: 'ping-result', id, peer: peer.key, result });
        break;
      }
    }
  }
}
