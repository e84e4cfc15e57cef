/**
 * Who of the peers stands behind a port of the address that the translator speaks IPv4 with: a table with an entry a
 * flow's beginning, `(protocol, peer's address, its port, site) <-> port`, independent of the target.
 *
 * Bounded as a whole and by peer. An entry lives as long as a NAT's (RFC 5382, 4787, 5508) after its last packet; TCP
 * that was closed or reset, as long as late packets do.
 */
import type { Counters } from '../base/counters.js';
import { readUint32 } from './via-wire.js';

/** Flows of all peers: some megabytes. */
export const MAPPINGS_MAX = 16_384;
/** Of one peer, so that a scan leaves room for others. */
export const MAPPINGS_PER_PEER_MAX = 4_096;
/** RFC 5382 REQ-5. */
const TCP_LIFE_MS = 7_440_000;
/** RFC 5382 REQ-5, of a connection that is not established or ends. */
const TCP_BRIEF_LIFE_MS = 240_000;
/** RFC 4787 REQ-5. */
const UDP_LIFE_MS = 300_000;
/** RFC 5508 REQ-1. */
const ECHO_LIFE_MS = 60_000;
/** Looking through a full table is not for every packet. */
const SWEEP_PAUSE_MS = 1_000;

/** Ports that nobody takes for a service. */
const FIRST_PORT = 1_024;
const PORTS = 65_536 - FIRST_PORT;

const TCP = 6;
const UDP = 17;

export interface ViaMapping {
  readonly protocol: number;
  /** Of the address that the translator speaks IPv4 with; an echo's identifier. */
  readonly port: number;
  readonly site: number;
  /** The peer's address as four words, and its port. */
  readonly peer: readonly [number, number, number, number];
  readonly peerPort: number;
  expiresAtMs: number;
  /** Of TCP: answered and not closed. */
  isEstablished: boolean;
}

export class ViaMappings {
  readonly #counters: Counters;
  readonly #byPort = new Map<number, ViaMapping>();
  readonly #byPeer = new Map<number, ViaMapping[]>();
  readonly #ofPeer = new Map<string, number>();
  #next = 0;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  get size(): number {
    return this.#byPort.size;
  }

  clear(): void {
    this.#byPort.clear();
    this.#byPeer.clear();
    this.#ofPeer.clear();
  }

  /** The mapping of a packet whose source address stands at `memory[at]`; made when there is none. Undefined: no room. */
  outward(
    memory: Uint8Array,
    at: number,
    protocol: number,
    peerPort: number,
    site: number,
    nowMs: number,
  ): ViaMapping | undefined {
    const hash = hashOf(memory, at, protocol, peerPort, site);
    const bucket = this.#byPeer.get(hash);
    for (const mapping of bucket ?? []) {
      if (isOf(mapping, memory, at, protocol, peerPort, site)) {
        if (mapping.expiresAtMs > nowMs) return mapping;
        this.#remove(mapping, hash);
        break;
      }
    }
    return this.#add(memory, at, protocol, peerPort, site, hash, nowMs);
  }

  /** Whose a port is. */
  inward(protocol: number, port: number, nowMs: number): ViaMapping | undefined {
    const mapping = this.#byPort.get((protocol << 16) | port);
    return mapping !== undefined && mapping.expiresAtMs > nowMs ? mapping : undefined;
  }

  /** A packet went through. `ends`: it closes or resets a TCP connection. */
  touch(mapping: ViaMapping, isAnswer: boolean, ends: boolean, nowMs: number): void {
    if (mapping.protocol === TCP) {
      if (ends) mapping.isEstablished = false;
      else if (isAnswer) mapping.isEstablished = true;
    }
    mapping.expiresAtMs = nowMs + lifeOf(mapping);
  }

  #add(
    memory: Uint8Array,
    at: number,
    protocol: number,
    peerPort: number,
    site: number,
    hash: number,
    nowMs: number,
  ): ViaMapping | undefined {
    if (this.#byPort.size >= MAPPINGS_MAX) this.#sweep(nowMs);
    const peer = [0, 4, 8, 12].map((offset) =>
      readUint32(memory, at + offset),
    ) as unknown as ViaMapping['peer'];
    const name = peer.join();
    const count = this.#ofPeer.get(name) ?? 0;
    if (count >= MAPPINGS_PER_PEER_MAX) this.#sweep(nowMs);
    const isFull =
      this.#byPort.size >= MAPPINGS_MAX || (this.#ofPeer.get(name) ?? 0) >= MAPPINGS_PER_PEER_MAX;
    if (isFull) {
      this.#counters.add('via-table-full');
      return undefined;
    }
    const port = this.#freePort(protocol, peerPort);
    const mapping: ViaMapping = {
      ...{ protocol, port, site, peer, peerPort },
      ...{ expiresAtMs: 0, isEstablished: false },
    };
    mapping.expiresAtMs = nowMs + lifeOf(mapping);
    this.#byPort.set((protocol << 16) | port, mapping);
    const bucket = this.#byPeer.get(hash);
    if (bucket === undefined) this.#byPeer.set(hash, [mapping]);
    else bucket.push(mapping);
    this.#ofPeer.set(name, (this.#ofPeer.get(name) ?? 0) + 1);
    return mapping;
  }

  /** The peer's own if it is free; there are more ports than mappings. */
  #freePort(protocol: number, wanted: number): number {
    if (wanted >= FIRST_PORT && !this.#byPort.has((protocol << 16) | wanted)) return wanted;
    for (;;) {
      const port = FIRST_PORT + this.#next;
      this.#next = (this.#next + 1) % PORTS;
      if (!this.#byPort.has((protocol << 16) | port)) return port;
    }
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_PAUSE_MS) return;
    this.#sweptAtMs = nowMs;
    for (const mapping of [...this.#byPort.values()]) {
      if (mapping.expiresAtMs <= nowMs) this.#remove(mapping, hashOfMapping(mapping));
    }
  }

  #remove(mapping: ViaMapping, hash: number): void {
    this.#byPort.delete((mapping.protocol << 16) | mapping.port);
    const rest = (this.#byPeer.get(hash) ?? []).filter((other) => other !== mapping);
    if (rest.length === 0) this.#byPeer.delete(hash);
    else this.#byPeer.set(hash, rest);
    const name = mapping.peer.join();
    const count = (this.#ofPeer.get(name) ?? 1) - 1;
    if (count === 0) this.#ofPeer.delete(name);
    else this.#ofPeer.set(name, count);
  }
}

function lifeOf({ protocol, isEstablished }: ViaMapping): number {
  if (protocol === TCP) return isEstablished ? TCP_LIFE_MS : TCP_BRIEF_LIFE_MS;
  return protocol === UDP ? UDP_LIFE_MS : ECHO_LIFE_MS;
}

const mix = (hash: number, word: number): number => Math.imul(hash ^ word, 0x9e37_79b1) >>> 0;

function hashOf(
  memory: Uint8Array,
  at: number,
  protocol: number,
  port: number,
  site: number,
): number {
  let hash = mix((protocol << 16) | port, site);
  for (let i = 0; i < 16; i += 4) hash = mix(hash, readUint32(memory, at + i));
  return hash;
}

function hashOfMapping({ protocol, peerPort, site, peer }: ViaMapping): number {
  return peer.reduce(mix, mix((protocol << 16) | peerPort, site));
}

function isOf(
  mapping: ViaMapping,
  memory: Uint8Array,
  at: number,
  protocol: number,
  port: number,
  site: number,
): boolean {
  return (
    mapping.peerPort === port &&
    mapping.protocol === protocol &&
    mapping.site === site &&
    mapping.peer.every((word, i) => word === readUint32(memory, at + 4 * i))
  );
}
