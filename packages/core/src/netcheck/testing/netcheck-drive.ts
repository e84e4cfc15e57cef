/** Drives one Netcheck on a virtual clock against STUN servers that really decode and answer. */
import { Counters } from '../../base/counters.js';
import { isFailure } from '../../base/failure.js';
import { after, type Instant, instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import type { Endpoint, IpAddress } from '../../ip/address.js';
import type { RelayMap, RelayNode, RelayRegion } from '../../netmap/types.js';
import { answerFromSockets } from '../../stun/server.js';
import type { CaptiveResult, HttpProbeOutput } from '../http-probes.js';
import { Netcheck, type NetcheckInput, type NetcheckOutput } from '../netcheck.js';
import type { NetcheckReport } from '../report.js';

const ONE_SOCKET = {
  port: 3478,
  alternatePort: undefined,
  addresses: [],
  alternateAddresses: [],
};
const HERE = { alternateAddress: false, alternatePort: false };

/** One STUN server of the driven world. */
export interface DrivenServer {
  readonly latencyMs: number;
  /** How it sees us. */
  readonly mapped: Endpoint;
  /** Answers come from here instead of where we asked. */
  readonly answersFrom?: Endpoint;
  /** It gives this one to who asks for a token. */
  readonly token?: Uint8Array;
}

export function relayNode(
  regionId: number,
  address: string,
  more: Partial<RelayNode> = {},
): RelayNode {
  return {
    name: `${regionId}a`,
    regionId,
    hostName: `relay${regionId}.example.com`,
    certName: undefined,
    ipv4: address as IpAddress,
    ipv6: null,
    relayPort: 443,
    stunPort: 3478,
    stunOnly: false,
    ...more,
  };
}

export function relayRegion(
  id: number,
  nodes: readonly RelayNode[],
  more: Partial<RelayRegion> = {},
): RelayRegion {
  return { id, code: `r${id}`, name: `Region ${id}`, noMeasureNoHome: false, nodes, ...more };
}

export function relayMap(...regions: RelayRegion[]): RelayMap {
  return { regions: new Map(regions.map((region) => [region.id, region])) };
}

export class NetcheckDrive {
  readonly counters = new Counters();
  readonly netcheck = new Netcheck({
    random: new SeededRandom(11),
    counters: this.counters,
    homeSeed: 4,
  });
  /** By the endpoint that is asked; who isn't here is silent. */
  readonly servers = new Map<Endpoint, DrivenServer>();
  /** By host name; who isn't here is never answered. */
  readonly names = new Map<string, readonly IpAddress[]>();
  readonly lookupMs = 50;
  /** Latencies over HTTPS by region; who isn't here refuses connections. */
  readonly https = new Map<number, number>();
  /** What captive probes find, by address; who isn't here is silent. */
  readonly captive = new Map<string, CaptiveResult>();
  readonly probes: { readonly at: number; readonly what: string }[] = [];
  readonly reports: NetcheckReport[] = [];
  readonly sent: { at: number; family: number; remote: Endpoint; length: number }[] = [];
  readonly lookups: string[] = [];
  now: Instant = instant(0);
  readonly #pending: { at: Instant; input: NetcheckInput }[] = [];

  input(input: NetcheckInput): void {
    this.netcheck.handle(input, this.now);
    for (let out = this.netcheck.poll(); out !== undefined; out = this.netcheck.poll()) {
      this.#take(out);
    }
  }

  /** Puts an answer on its way by hand. */
  deliver(at: Instant, input: NetcheckInput): void {
    this.#pending.push({ at, input });
    this.#pending.sort((a, b) => a.at - b.at);
  }

  pass(ms: number): void {
    const end = after(this.now, ms);
    for (;;) {
      const timer = this.netcheck.nextTimeout() ?? instant(Infinity);
      const pendingAt = this.#pending[0]?.at ?? instant(Infinity);
      const next = Math.min(timer, pendingAt);
      if (next > end) break;
      this.now = instant(Math.max(this.now, next));
      const pending = pendingAt <= timer ? this.#pending.shift() : undefined;
      this.input(pending?.input ?? { type: 'timeout' });
    }
    this.now = end;
  }

  get report(): NetcheckReport | undefined {
    return this.reports.at(-1);
  }

  #take(output: NetcheckOutput): void {
    if (output.type === 'report') {
      this.reports.push(output.report);
    } else if (output.type === 'resolve') {
      this.lookups.push(output.host);
      const addresses = this.names.get(output.host);
      if (addresses === undefined) return;
      this.deliver(after(this.now, this.lookupMs), {
        type: 'resolved',
        host: output.host,
        addresses,
      });
    } else if (output.type !== 'send') {
      this.#probe(output);
    } else {
      const { family, remote, bytes } = output;
      this.sent.push({ at: this.now, family, remote, length: bytes.length });
      this.#serve(remote, bytes);
    }
  }

  #probe(output: HttpProbeOutput): void {
    if (output.type === 'cancel-probes') {
      this.probes.push({ at: this.now, what: `cancel ${output.probes.length}` });
      return;
    }
    const { probe } = output;
    if (output.type === 'https-probe') {
      this.probes.push({ at: this.now, what: `https ${output.regionId}` });
      const latencyMs = this.https.get(output.regionId);
      const result = latencyMs === undefined ? undefined : ({ latencyMs, family: 4 } as const);
      // TCP and TLS come before what is measured.
      const at = after(this.now, 3 * (latencyMs ?? 0));
      this.deliver(at, { type: 'https-result', probe, result });
      return;
    }
    this.probes.push({ at: this.now, what: `captive ${output.address} ${output.host}` });
    const result = this.captive.get(output.address);
    if (result === undefined) return;
    this.deliver(after(this.now, 20), { type: 'captive-result', probe, result });
  }

  #serve(remote: Endpoint, request: Uint8Array): void {
    const server = this.servers.get(remote);
    if (server === undefined) return;
    const { token } = server;
    const tokenFor = token === undefined ? undefined : (): Uint8Array => token;
    const answer = answerFromSockets(request, server.mapped, { ...ONE_SOCKET, tokenFor }, HERE);
    if (isFailure(answer)) throw new Error(`a server refused our request: ${answer.reason}`);
    const { reply } = answer;
    const receivedAt = after(this.now, server.latencyMs);
    const source = server.answersFrom ?? remote;
    this.deliver(receivedAt, { type: 'datagram', source, bytes: reply, receivedAt });
  }
}
