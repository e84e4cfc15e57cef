/** Drives one PeerPath on a virtual clock, with a peer whose addresses answer pings or don't. */
import { Counters } from '../../base/counters.js';
import { after, type Instant, instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { type DirectPath, formatPath, type Path } from '../../engines/paths.js';
import type { Endpoint } from '../../ip/address.js';
import { PeerPath } from '../peer-path.js';
import type { PeerPathInput, PeerPathOutput } from '../peer-path-io.js';

/** A path over socket 1. */
export function directPath(remote: string): DirectPath {
  return { kind: 'direct', socketId: 1, remote: remote as Endpoint };
}

/** The region of the driven peer's relay. */
export const relayRegion = 900;

/** What our socket looks like to the driven peer. */
export const observedEndpoint = '198.51.100.77:41641' as Endpoint;

interface Pending {
  readonly at: Instant;
  readonly input: PeerPathInput;
}

export class PeerDrive {
  readonly counters = new Counters();
  readonly peer = new PeerPath({ random: new SeededRandom(7), counters: this.counters });
  /** Everything that came out, with its time. */
  readonly log: { readonly at: number; readonly output: PeerPathOutput }[] = [];
  /** Round trip by address; an address that isn't here never answers. `relay` is the relay's. */
  readonly answers = new Map<string, number>();
  /** Whether the direct paths that answer pings also carry data; the peer answers all it gets. */
  carriesData = true;
  now: Instant = instant(0);
  readonly #pending: Pending[] = [];

  /** A peer with a disco key and a relay, at these addresses of the network map. */
  static withCandidates(...remotes: string[]): PeerDrive {
    const drive = new PeerDrive();
    drive.input({ type: 'can-ping', canPing: true });
    drive.input({ type: 'relay', regionId: relayRegion });
    drive.input({ type: 'map-endpoints', paths: remotes.map(directPath) });
    return drive;
  }

  input(input: PeerPathInput): void {
    this.peer.handle(input, this.now);
    this.#drain();
  }

  /** Lets `ms` pass; data is sent every second when `talking`. */
  pass(ms: number, talking = false): void {
    const end = after(this.now, ms);
    let sendAt = talking ? this.now : instant(Infinity);
    for (;;) {
      const timer = this.peer.nextTimeout() ?? instant(Infinity);
      const answer = this.#pending[0]?.at ?? instant(Infinity);
      const next = Math.min(timer, answer, sendAt);
      if (next > end) break;
      this.now = instant(Math.max(this.now, next));
      if (next === sendAt) {
        sendAt = after(sendAt, 1000);
        this.input({ type: 'sent' });
        this.#answerData();
      } else if (next === answer) {
        const pending = this.#pending.shift();
        if (pending !== undefined) this.input(pending.input);
      } else {
        this.input({ type: 'timeout' });
      }
    }
    this.now = end;
  }

  /** The latest `paths` output as text. */
  get paths(): string {
    const latest = this.log.findLast(({ output }) => output.type === 'paths')?.output;
    return latest?.type === 'paths' ? latest.paths.map(formatPath).join(' + ') : 'none';
  }

  /** Outputs of one type since the last call of {@link forget}. */
  outputs<Type extends PeerPathOutput['type']>(
    type: Type,
  ): { at: number; output: Extract<PeerPathOutput, { type: Type }> }[] {
    return this.log.flatMap(({ at, output }) =>
      output.type === type
        ? [{ at, output: output as Extract<PeerPathOutput, { type: Type }> }]
        : [],
    );
  }

  /** When pings went to `target` (an address or `relay`). */
  pingsTo(target: string): number[] {
    return this.outputs('ping')
      .filter(({ output }) => nameOf(output.path) === target)
      .map(({ at }) => at);
  }

  /** Path changes as `cause: from -> to`. */
  get changes(): string[] {
    return this.outputs('changed').map(({ output }) => {
      const [from, to] = [output.from, output.to].map((path) =>
        path === undefined ? 'none' : formatPath(path),
      );
      return `${output.cause}: ${from} -> ${to}`;
    });
  }

  forget(): void {
    this.log.length = 0;
  }

  #answerData(): void {
    const latest = this.log.findLast(({ output }) => output.type === 'paths')?.output;
    for (const path of latest?.type === 'paths' ? latest.paths : []) {
      const latencyMs = this.answers.get(nameOf(path));
      if (latencyMs === undefined || (path.kind === 'direct' && !this.carriesData)) continue;
      this.#schedule(after(this.now, latencyMs), { type: 'authenticated', path });
    }
  }

  #schedule(at: Instant, input: PeerPathInput): void {
    this.#pending.push({ at, input });
    this.#pending.sort((a, b) => a.at - b.at);
  }

  #drain(): void {
    for (let output = this.peer.poll(); output !== undefined; output = this.peer.poll()) {
      this.log.push({ at: this.now, output });
      if (output.type !== 'ping') continue;
      const latencyMs = this.answers.get(nameOf(output.path));
      if (latencyMs === undefined) continue;
      const at = after(this.now, latencyMs);
      const { path, transactionId } = output;
      this.#schedule(at, {
        type: 'pong-received',
        transactionId,
        via: path,
        observed: observedEndpoint,
        receivedAt: at,
      });
    }
  }
}

function nameOf(path: Path): string {
  return path.kind === 'relay' ? 'relay' : path.remote;
}
