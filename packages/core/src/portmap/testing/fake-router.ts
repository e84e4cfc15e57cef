/** A router's PCP and NAT-PMP server for tests, and a port mapper beside it with a wire between them. */
import { encodeHex, viewOf } from '../../base/bytes.js';
import { after, type Instant, instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { addressBytes16, type Endpoint, endpoint, type IpAddress } from '../../ip/address.js';
import type {
  PortMapProtocol,
  PortMapperInput,
  PortMapperOutput,
  PortMapping,
  RememberedMapping,
} from '../io.js';
import { PortMapper } from '../port-mapper.js';

export const gateway = '192.168.1.1' as IpAddress;
export const self = '192.168.1.5' as IpAddress;
export const server = endpoint(gateway, 5351);

export interface FakeLease {
  readonly owner: string;
  readonly internalPort: number;
  readonly externalPort: number;
  expiresAt: Instant;
}

/** Answers as RFC 6886 and RFC 6887 say. */
export class FakeRouter {
  protocols: readonly PortMapProtocol[] = ['pcp', 'natpmp'];
  external = '5.6.7.8' as IpAddress;
  maxLifetimeSeconds = 7200;
  /** Results in place of success. */
  pcpMapResult = 0;
  natpmpMapResult = 0;
  readonly leases = new Map<string, FakeLease>();
  /** Requests about mappings that are another's. */
  unauthorised = 0;
  #startedAt = instant(0);

  restart(now: Instant): void {
    this.leases.clear();
    this.#startedAt = now;
  }

  epoch(now: Instant): number {
    return Math.floor((now - this.#startedAt) / 1000);
  }

  answer(bytes: Uint8Array, now: Instant): Uint8Array | undefined {
    for (const [key, lease] of this.leases) if (now >= lease.expiresAt) this.leases.delete(key);
    const version = bytes[0];
    if (version === 2) {
      if (this.protocols.includes('pcp')) return this.#pcp(bytes, now);
      return this.protocols.includes('natpmp') ? this.#tooNew(now) : undefined;
    }
    return this.protocols.includes('natpmp') ? this.#natpmp(bytes, now) : undefined;
  }

  announcement(now: Instant): Uint8Array {
    return this.#header(0, 0, 0, now);
  }

  #tooNew(now: Instant): Uint8Array {
    const answer = new Uint8Array(8);
    answer[1] = 128;
    answer[3] = 1;
    viewOf(answer).setUint32(4, this.epoch(now));
    return answer;
  }

  #natpmp(bytes: Uint8Array, now: Instant): Uint8Array {
    const isMap = bytes[1] === 1;
    const answer = new Uint8Array(isMap ? 16 : 12);
    const view = viewOf(answer);
    answer[1] = 128 + (bytes[1] ?? 0);
    view.setUint32(4, this.epoch(now));
    if (!isMap) {
      answer.set(addressBytes16(this.external).subarray(12), 8);
      return answer;
    }
    const request = viewOf(bytes);
    const internalPort = request.getUint16(4);
    view.setUint16(8, internalPort);
    view.setUint16(2, this.natpmpMapResult);
    const wanted = request.getUint32(8);
    if (this.natpmpMapResult !== 0) return answer;
    const lease = this.#lease('natpmp', internalPort, request.getUint16(6), wanted, now);
    view.setUint16(10, lease?.externalPort ?? 0);
    view.setUint32(12, Math.min(wanted, this.maxLifetimeSeconds));
    return answer;
  }

  #header(opcode: number, result: number, lifetime: number, now: Instant): Uint8Array {
    const answer = new Uint8Array(24);
    const view = viewOf(answer);
    view.setUint8(0, 2);
    view.setUint8(1, 128 + opcode);
    view.setUint8(3, result);
    view.setUint32(4, lifetime);
    view.setUint32(8, this.epoch(now));
    return answer;
  }

  #pcp(bytes: Uint8Array, now: Instant): Uint8Array {
    if (bytes[1] === 0) return this.announcement(now);
    const request = viewOf(bytes);
    const answer = new Uint8Array(60);
    answer.set(bytes);
    const internalPort = request.getUint16(40);
    const wanted = request.getUint32(4);
    const owner = encodeHex(bytes.subarray(24, 36));
    const held = this.leases.get(String(internalPort));
    const isOthers = held !== undefined && held.owner !== owner;
    if (isOthers) this.unauthorised += 1;
    const result = isOthers ? 2 : this.pcpMapResult;
    const lifetime = result === 0 ? Math.min(wanted, this.maxLifetimeSeconds) : 1800;
    answer.set(this.#header(1, result, lifetime, now));
    if (result !== 0) return answer;
    const lease = this.#lease(owner, internalPort, request.getUint16(42), wanted, now);
    viewOf(answer).setUint16(42, lease?.externalPort ?? request.getUint16(42));
    answer.set(addressBytes16(this.external), 44);
    return answer;
  }

  #lease(
    owner: string,
    internalPort: number,
    suggested: number,
    lifetime: number,
    now: Instant,
  ): FakeLease | undefined {
    const key = String(internalPort);
    if (lifetime === 0) {
      this.leases.delete(key);
      return undefined;
    }
    const seconds = Math.min(lifetime, this.maxLifetimeSeconds);
    const lease = this.leases.get(key) ?? {
      ...{ owner, internalPort },
      externalPort: suggested === 0 ? 2000 + (internalPort % 1000) : suggested,
      expiresAt: now,
    };
    lease.expiresAt = after(now, seconds * 1000);
    this.leases.set(key, lease);
    return lease;
  }
}

/** A port mapper, a router and a wire with delay and faults; time passes by `run`. */
export class Bench {
  readonly router = new FakeRouter();
  readonly mapper: PortMapper;
  readonly random: SeededRandom;
  now = instant(0);
  lossFraction = 0;
  duplicateFraction = 0;
  delayMs = 2;
  mappings: readonly PortMapping[] = [];
  remembered: readonly RememberedMapping[] = [];
  sent = 0;
  isReleased = false;
  #wire: { readonly at: Instant; readonly input: PortMapperInput }[] = [];

  constructor(seed = 1, protocols: readonly PortMapProtocol[] = ['pcp', 'natpmp']) {
    this.random = new SeededRandom(seed);
    this.mapper = new PortMapper({ random: this.random.fork(), protocols });
  }

  start(port = 41_641): void {
    this.give({ type: 'ports', ipv4: port, ipv6: undefined });
    this.give({ type: 'gateway', gateway, self });
  }

  give(input: PortMapperInput): void {
    this.mapper.handle(input, this.now);
    for (let out = this.mapper.poll(); out !== undefined; out = this.mapper.poll()) this.#out(out);
  }

  hear(bytes: Uint8Array, source: Endpoint = server): void {
    this.give({ type: 'datagram', source, bytes });
  }

  run(ms: number): void {
    const until = after(this.now, ms);
    for (;;) {
      this.#wire.sort((a, b) => a.at - b.at);
      const next = Math.min(this.mapper.nextTimeout() ?? Infinity, this.#wire[0]?.at ?? Infinity);
      if (next > until) break;
      this.now = instant(Math.max(next, this.now));
      const arrived = this.#wire[0]?.at === next ? this.#wire.shift() : undefined;
      this.give(arrived?.input ?? { type: 'timeout' });
    }
    this.now = until;
  }

  #out(out: PortMapperOutput): void {
    if (out.type === 'mappings') this.mappings = out.mappings;
    else if (out.type === 'remember') this.remembered = out.mappings;
    else if (out.type === 'released') this.isReleased = true;
    else if (out.type === 'send' && out.target === server) this.#carry(out.bytes);
  }

  #carry(bytes: Uint8Array): void {
    this.sent += 1;
    if (this.random.fraction() < this.lossFraction) return;
    const answer = this.router.answer(bytes, this.now);
    if (answer === undefined || this.random.fraction() < this.lossFraction) return;
    const copies = this.random.fraction() < this.duplicateFraction ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const at = after(this.now, this.delayMs * (1 + 3 * copy));
      this.#wire.push({ at, input: { type: 'datagram', source: server, bytes: answer } });
    }
  }
}
