/**
 * Which packets pass between the operating system and the tunnel.
 *
 *     in    no rules were ever set ......... drop          out   source not ours ............. drop
 *           unreadable, cut to deceive ..... drop                multicast, link-local ....... drop
 *           target not ours ................ drop                else pass; what it begins is
 *           fragment after the first ....... pass                remembered
 *           TCP without a new connection ... pass
 *           answer or error to what we began pass
 *           from a jailed peer ............. drop
 *           named by a rule ................ pass
 *           else ........................... drop
 *
 * TCP isn't tracked: a packet that doesn't ask for a connection is let in, as stock clients do. It finds a
 * connection that we began or a rule let in, or the system answers it with a reset. A bounded table would forget
 * connections that idle for days, and all of them with every restart of the daemon; what it would win is that
 * a rule taken back also ends connections that stand, which the ends can do as well.
 *
 * All else is tracked by who began it. A flow that a peer began is let in by its rule alone, asked again after
 * every change of rules, so that our answers don't keep it open when the rule goes; a flow that we began is let
 * in while it lives, in both directions renewed.
 *
 * Sources: what stock clients of this protocol let pass; RFC 4787, RFC 5508, RFC 4890 (ICMPv6).
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { type FilterRule, PROTOCOL } from '../engines/filter-rule.js';
import type { Prefix } from '../ip/prefix.js';
import { PrefixTable } from '../ip/prefix-table.js';
import { FLOW_BEGUN_BY, FlowTable } from './flow-table.js';
import { ECHO_LIFE_S, FLOW_LIFE_S } from './limits.js';
import { PacketHeader, readUint16 } from './packet-header.js';
import { RuleMatcher } from './rule-matcher.js';

/** Why a packet was dropped: the name of its counter. */
export type FilterDrop =
  | 'filter-in-not-set'
  | 'filter-in-malformed'
  | 'filter-in-fragment'
  | 'filter-in-not-for-us'
  | 'filter-in-jailed'
  | 'filter-in-denied-tcp'
  | 'filter-in-denied-udp'
  | 'filter-in-denied-icmp'
  | 'filter-in-denied-other'
  | 'filter-out-not-set'
  | 'filter-out-malformed'
  | 'filter-out-fragment'
  | 'filter-out-source-not-ours'
  | 'filter-out-multicast'
  | 'filter-out-link-local';

const TCP_FLAGS_AT = 13;
const SYN = 0x02;
const SYN_ACK = 0x12;

const ICMP_HEADER_BYTES = 8;
const ECHO_ID_AT = 4;

const UNREADABLE_IN = {
  malformed: 'filter-in-malformed',
  fragment: 'filter-in-fragment',
} as const;
const UNREADABLE_OUT = {
  malformed: 'filter-out-malformed',
  fragment: 'filter-out-fragment',
} as const;

/** Types of ICMP and ICMPv6. */
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const ECHO_REPLY = { 4: 0, 6: 129 } as const;

export class PacketFilter {
  readonly #counters: Counters;
  readonly #flows = new FlowTable();
  readonly #header = new PacketHeader();
  /** The packet that an ICMP error quotes. */
  readonly #quoted = new PacketHeader();
  #local = new PrefixTable<true>();
  #localText = '';
  #rules: RuleMatcher | undefined;
  /** Counts changes of the rules: a flow that a peer began is let in by the rules of this number at once. */
  #generation = 0;
  /** Of the packet that is judged: its sender may begin nothing. */
  #isJailed = false;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Replaces the rules and what is ours. Flows go on, but not under other addresses. */
  set(rules: readonly FilterRule[], local: readonly Prefix[]): void {
    const text = [...local].sort().join();
    if (text !== this.#localText) {
      this.#flows.clear();
      this.#localText = text;
      this.#local = new PrefixTable();
      for (const prefix of local) this.#local.insert(prefix, true);
    }
    this.#rules = new RuleMatcher(rules, local, this.#counters);
    this.#generation++;
  }

  /** Judges a packet from a peer, jailed or not; undefined: it may pass. Allocates nothing. */
  inbound(
    memory: Uint8Array,
    at: number,
    length: number,
    now: Instant,
    isJailed = false,
  ): FilterDrop | undefined {
    const rules = this.#rules;
    if (rules === undefined) return 'filter-in-not-set';
    const header = this.#header;
    const problem = header.read(memory, at, length);
    if (problem !== undefined) return UNREADABLE_IN[problem];
    if (!this.#isLocal(memory, header.targetAt)) return 'filter-in-not-for-us';
    if (header.isLaterFragment) return undefined;
    this.#isJailed = isJailed;
    const { protocol, version, transportAt } = header;
    if (protocol === PROTOCOL.tcp) {
      const flags = memory[transportAt + TCP_FLAGS_AT] ?? 0;
      if ((flags & SYN_ACK) !== SYN) return undefined;
      return this.#isNamed(rules, memory) ? undefined : this.#denied('filter-in-denied-tcp');
    }
    if (protocol === (version === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6)) {
      const isOurs = this.#answersUs(memory, now);
      if (isOurs || this.#isNamed(rules, memory)) return undefined;
      return this.#denied('filter-in-denied-icmp');
    }
    return this.#inboundFlow(rules, memory, now);
  }

  /** Judges a packet of the operating system and remembers what it begins; undefined: it may pass. */
  outbound(memory: Uint8Array, at: number, length: number, now: Instant): FilterDrop | undefined {
    if (this.#rules === undefined) return 'filter-out-not-set';
    const header = this.#header;
    const problem = header.read(memory, at, length);
    if (problem !== undefined) return UNREADABLE_OUT[problem];
    const { version, protocol, targetAt, transportAt } = header;
    if (!this.#isLocal(memory, header.sourceAt)) return 'filter-out-source-not-ours';
    if (isMulticast(memory, version, targetAt)) return 'filter-out-multicast';
    if (isLinkLocal(memory, version, targetAt)) return 'filter-out-link-local';
    if (header.isLaterFragment || protocol === PROTOCOL.tcp) return undefined;
    if (protocol === (version === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6)) {
      if (memory[transportAt] !== ECHO_REQUEST[version === 4 ? 4 : 6]) return undefined;
      const id = readUint16(memory, transportAt + ECHO_ID_AT);
      this.#begin(this.#find(memory, header, true, id, now), ECHO_LIFE_S, now);
    } else {
      this.#begin(this.#findByPorts(memory, header, true, now), FLOW_LIFE_S, now);
    }
    return undefined;
  }

  #inboundFlow(rules: RuleMatcher, memory: Uint8Array, now: Instant): FilterDrop | undefined {
    const { protocol } = this.#header;
    const begunBy = this.#findByPorts(memory, this.#header, false, now);
    const isKnown =
      begunBy === FLOW_BEGUN_BY.us ||
      // A flow from before it was jailed was begun by it all the same.
      (begunBy === FLOW_BEGUN_BY.peer && !this.#isJailed && this.#flows.mark === this.#generation);
    if (!isKnown && !this.#isNamed(rules, memory)) {
      const isUdp = protocol === PROTOCOL.udp;
      return this.#denied(isUdp ? 'filter-in-denied-udp' : 'filter-in-denied-other');
    }
    if (begunBy !== FLOW_BEGUN_BY.nobody) {
      this.#flows.extend(FLOW_LIFE_S, now, this.#generation);
    } else {
      this.#flows.add(FLOW_BEGUN_BY.peer, FLOW_LIFE_S, now, this.#generation);
    }
    return undefined;
  }

  #denied(drop: FilterDrop): FilterDrop {
    return this.#isJailed ? 'filter-in-jailed' : drop;
  }

  /** No rule is for a jailed peer. */
  #isNamed(rules: RuleMatcher, memory: Uint8Array): boolean {
    if (this.#isJailed) return false;
    const { version, sourceAt, targetAt, protocol, transportAt, hasPorts } = this.#header;
    const port = hasPorts ? readUint16(memory, transportAt + 2) : 0;
    return rules.allows(memory, version, sourceAt, targetAt, protocol, port);
  }

  /** True for the reply to an echo of ours, and for an error about a packet that we sent. */
  #answersUs(memory: Uint8Array, now: Instant): boolean {
    const header = this.#header;
    const { version, transportAt, end } = header;
    const type = memory[transportAt] ?? 0;
    if (type === ECHO_REPLY[version === 4 ? 4 : 6]) {
      const id = readUint16(memory, transportAt + ECHO_ID_AT);
      return this.#find(memory, header, false, id, now) === FLOW_BEGUN_BY.us;
    }
    if (!isError(version, type)) return false;
    const quotedAt = transportAt + ICMP_HEADER_BYTES;
    const quoted = this.#quoted;
    if (quoted.read(memory, quotedAt, end - quotedAt, true) !== undefined) return false;
    if (quoted.version !== version || quoted.isLaterFragment) return false;
    if (!sameAddress(memory, version, quoted.sourceAt, header.targetAt)) return false;
    if (quoted.protocol === PROTOCOL.tcp) return true;
    if (quoted.protocol === header.protocol) {
      const id = readUint16(memory, quoted.transportAt + ECHO_ID_AT);
      return this.#find(memory, quoted, true, id, now) !== FLOW_BEGUN_BY.nobody;
    }
    return this.#findByPorts(memory, quoted, true, now) !== FLOW_BEGUN_BY.nobody;
  }

  #begin(begunBy: number, lifeS: number, now: Instant): void {
    if (begunBy === FLOW_BEGUN_BY.us) this.#flows.extend(lifeS, now);
    else if (begunBy === FLOW_BEGUN_BY.nobody) this.#flows.add(FLOW_BEGUN_BY.us, lifeS, now);
  }

  /** The flow of a packet, found by both ports; protocols without ports have one flow per pair of addresses. */
  #findByPorts(memory: Uint8Array, packet: PacketHeader, isOurs: boolean, now: Instant): number {
    if (!packet.hasPorts) return this.#find(memory, packet, isOurs, 0, now);
    const source = readUint16(memory, packet.transportAt);
    const target = readUint16(memory, packet.transportAt + 2);
    return isOurs
      ? this.#find(memory, packet, true, source, now, target)
      : this.#find(memory, packet, false, target, now, source);
  }

  /** `isOurs`: the packet goes from us to the peer. */
  #find(
    memory: Uint8Array,
    packet: PacketHeader,
    isOurs: boolean,
    localPort: number,
    now: Instant,
    remotePort = 0,
  ): number {
    const { version, protocol, sourceAt, targetAt } = packet;
    const localAt = isOurs ? sourceAt : targetAt;
    const remoteAt = isOurs ? targetAt : sourceAt;
    return this.#flows.find(
      memory,
      version,
      protocol,
      localAt,
      remoteAt,
      localPort,
      remotePort,
      now,
    );
  }

  #isLocal(memory: Uint8Array, at: number): boolean {
    const found =
      this.#header.version === 4
        ? this.#local.lookupV4(memory, at)
        : this.#local.lookupV6(memory, at);
    return found === true;
  }
}

/** Destination unreachable, time exceeded, parameter problem; and packet too big for IPv6. */
function isError(version: number, type: number): boolean {
  return version === 4 ? type === 3 || type === 11 || type === 12 : type >= 1 && type <= 4;
}

function sameAddress(memory: Uint8Array, version: number, a: number, b: number): boolean {
  const bytes = version === 4 ? 4 : 16;
  for (let i = 0; i < bytes; i++) if (memory[a + i] !== memory[b + i]) return false;
  return true;
}

/** 224.0.0.0/4 and all above it, broadcast included; ff00::/8. */
function isMulticast(memory: Uint8Array, version: number, at: number): boolean {
  return (memory[at] ?? 0) >= (version === 4 ? 224 : 255);
}

/** 169.254.0.0/16, fe80::/10. */
function isLinkLocal(memory: Uint8Array, version: number, at: number): boolean {
  const first = memory[at] ?? 0;
  const second = memory[at + 1] ?? 0;
  return version === 4 ? first === 169 && second === 254 : first === 254 && second >> 6 === 2;
}
