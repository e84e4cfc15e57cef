/**
 * One measurement of the NAT in front of us, over one family, with fresh sockets, so that nothing which flowed
 * earlier falsifies it.
 *
 *     opening --all open, or 500 ms--> probing --answers, or given up--> over
 *
 *     socket 0     asks server A at both its ports and other servers: mapping
 *     socket 1     asks A alone, then for datagrams from where it has not sent to: filtering (unasked-tests.ts)
 *     sockets 2, 3 ask A, then send to each other's outer endpoint (hairpin-test.ts)
 *     all          each request in its turn makes a mapping, if the NAT makes a new one: port allocation
 *
 * Few flows on purpose: some routers bear only a dozen, and each that we open is one that peers can't have. That
 * requests of the later sockets stay without answer while the earlier ones' are answered tells of such a table; that
 * none is answered does when the main socket is, which nat-behaviour.ts sees.
 *
 * Source: RFC 5780 sections 4.2 to 4.5.
 */

import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '../ip/address.js';
import type { FilteringBehaviour, MappingBehaviour } from '../netmap/nat-description.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse } from '../stun/binding.js';
import { decodeBindingIndication } from '../stun/indication.js';
import { decodeHeader, MessageType } from '../stun/message.js';
import { HairpinTest } from './hairpin-test.js';
import {
  type AllocationVerdict,
  judgeAllocation,
  judgeFiltering,
  judgeMapping,
  type MappingSample,
} from './nat-judgement.js';
import { isSettled, type ProbeTarget, SweepProbes } from './sweep-probes.js';
import { ChangeTest, DialBackTest, type UnaskedTest } from './unasked-tests.js';

export const sweepSockets = 5;
/** Sockets that open late are done without. */
const openingMs = 500;
/** After the last try and after a filter's last copy, or three round trips. */
const patienceMinMs = 250;
const patienceMaxMs = 1000;
/** For all of it. */
export const sweepMs = 5000;
/** Other servers asked: one more than needed, should two look alike to the NAT. */
export const otherServersMax = 2;

/** Whom a sweep asks. */
export interface SweepServers {
  readonly main: Endpoint;
  readonly latencyMs: number;
  /** Of `main`, from where it answers a CHANGE-REQUEST too. */
  readonly alternatePort: number | undefined;
  readonly alternateAddress: IpAddress | undefined;
  /** At other addresses. */
  readonly others: readonly Endpoint[];
  /** A connected relay at another address than `main`, which dials back. */
  readonly dialBackRegion: RegionId | undefined;
}

export interface SweepFindings {
  readonly mapping: MappingBehaviour | undefined;
  readonly filtering: FilteringBehaviour | undefined;
  readonly allocation: AllocationVerdict | undefined;
  readonly hairpin: boolean | undefined;
  readonly tablePressure: boolean | undefined;
  /** All sockets asked several times, and none heard anything. */
  readonly isSilent: boolean;
}

export type SweepOutput =
  | { readonly type: 'open-socket'; readonly socket: number }
  | { readonly type: 'close-socket'; readonly socket: number }
  | {
      readonly type: 'send';
      readonly socket: number;
      readonly remote: Endpoint;
      readonly bytes: Uint8Array;
    }
  | {
      readonly type: 'ask';
      readonly regionId: RegionId;
      readonly token: Uint8Array;
      readonly port: number;
    };

export interface SweepOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly servers: SweepServers;
  readonly localAddresses: readonly IpAddress[];
  readonly mayHairpin: boolean;
  readonly allowLoopback: boolean;
}

export class NatSweep {
  readonly #options: SweepOptions;
  readonly #outputs: SweepOutput[] = [];
  readonly #startedAt: Instant;
  /** Bound ports; null: could not be opened. */
  readonly #ports: (number | null | undefined)[] = Array.from({ length: sweepSockets });
  #probes: SweepProbes | undefined;
  #byPort: UnaskedTest | undefined;
  #byAddress: UnaskedTest | undefined;
  #hairpin: HairpinTest | undefined;
  #findings: SweepFindings | undefined;

  constructor(options: SweepOptions, now: Instant) {
    this.#options = options;
    this.#startedAt = now;
    for (let socket = 0; socket < sweepSockets; socket++) {
      this.#outputs.push({ type: 'open-socket', socket });
    }
  }

  /** Undefined until it is over. */
  get findings(): SweepFindings | undefined {
    return this.#findings;
  }

  /** True when the hairpin test was made, whatever came of it. */
  get triedHairpin(): boolean {
    return this.#hairpin !== undefined;
  }

  poll(): SweepOutput | undefined {
    return this.#outputs.shift();
  }

  opened(socket: number, port: number, now: Instant): void {
    this.#ports[socket] = port;
    this.run(now);
  }

  failed(socket: number, now: Instant): void {
    this.#ports[socket] = null;
    this.run(now);
  }

  datagram(socket: number, source: Endpoint, bytes: Uint8Array, now: Instant): void {
    if (this.#findings !== undefined) return;
    const refusal = this.#receive(socket, source, bytes);
    if (refusal !== undefined) this.#options.counters.add(`nat-probe-${refusal}`);
    this.run(now);
  }

  /** A relay's word on a dial-back; true when it is about ours. */
  dialBackTold(answer: DialBackAnswer, now: Instant): boolean {
    const test = this.#byAddress;
    if (!(test instanceof DialBackTest) || !test.told(answer, now)) return false;
    this.run(now);
    return true;
  }

  run(now: Instant): void {
    if (this.#findings !== undefined) return;
    if (this.#probes === undefined && this.#isOpen(now)) this.#probes = this.#ask(now);
    this.#probes?.run(now);
    this.#beginTests(now);
    this.#byPort?.run(now);
    this.#byAddress?.run(now);
    this.#hairpin?.run(now);
    if (this.#isDone(now)) this.#end();
  }

  nextTimeout(): Instant | undefined {
    if (this.#findings !== undefined) return undefined;
    const last = after(this.#startedAt, sweepMs);
    if (this.#probes === undefined) return after(this.#startedAt, openingMs);
    return earliest(
      last,
      this.#probes.nextTimeout(),
      this.#byPort?.nextTimeout(),
      this.#byAddress?.nextTimeout(),
      this.#hairpin?.nextTimeout(),
    );
  }

  /** Stops without findings; its sockets close. */
  cancel(): void {
    if (this.#findings === undefined) this.#end();
  }

  #ask(now: Instant): SweepProbes {
    const { random, servers } = this.#options;
    return new SweepProbes(
      {
        random,
        targets: this.#targets(),
        latencyMs: servers.latencyMs,
        patienceMs: this.#patienceMs,
        send: (socket, remote, bytes) =>
          this.#outputs.push({ type: 'send', socket, remote, bytes }),
      },
      now,
    );
  }

  #isOpen(now: Instant): boolean {
    const isSettled = this.#ports.every((port) => port !== undefined);
    return isSettled || now >= after(this.#startedAt, openingMs);
  }

  /** Whom each socket asks, in the order in which requests leave. */
  #targets(): readonly ProbeTarget[] {
    const { main, alternatePort, alternateAddress, others } = this.#options.servers;
    const ofFirst = [main];
    if (alternatePort !== undefined) {
      ofFirst.push(endpoint(endpointAddress(main), alternatePort));
      if (alternateAddress !== undefined) ofFirst.push(endpoint(alternateAddress, alternatePort));
    }
    ofFirst.push(...others.slice(0, otherServersMax));
    const targets = ofFirst.map((server) => ({ socket: 0, server }));
    for (let socket = 1; socket < sweepSockets; socket++) targets.push({ socket, server: main });
    return targets.filter(({ socket }) => typeof this.#ports[socket] === 'number');
  }

  get #patienceMs(): number {
    const { latencyMs } = this.#options.servers;
    return Math.min(Math.max(3 * latencyMs, patienceMinMs), patienceMaxMs);
  }

  /** Why a datagram is none of ours; undefined when it is. */
  #receive(socket: number, source: Endpoint, bytes: Uint8Array): string | undefined {
    const header = decodeHeader(bytes);
    if (header instanceof DecodeFailure) return header.reason;
    const { type } = header;
    if (type === MessageType.bindingRequest) {
      return this.#hairpin?.arrived(header.transactionId) === true ? undefined : 'stray-request';
    }
    if (type === MessageType.bindingIndication) {
      const token = decodeBindingIndication(bytes);
      if (token instanceof DecodeFailure) return token.reason;
      const test = this.#byAddress;
      const isOurs = socket === 1 && test instanceof DialBackTest && test.arrived(token);
      return isOurs ? undefined : 'unknown-token';
    }
    const key = encodeHex(header.transactionId);
    const tests = [this.#byPort, this.#byAddress].filter((test) => test instanceof ChangeTest);
    if (type === MessageType.bindingError && tests.some((test) => test.refused(key))) {
      return undefined;
    }
    const { allowLoopback } = this.#options;
    const response = decodeBindingResponse(bytes, { allowLoopback });
    if (response instanceof DecodeFailure) return response.reason;
    if (socket === 1 && tests.some((test) => test.answered(key, source))) return undefined;
    if (this.#probes === undefined) return 'unknown-transaction';
    return this.#probes.answered(socket, source, key, response.mapped);
  }

  /** Filtering and hairpin are tested as soon as what they need is known. */
  #beginTests(now: Instant): void {
    if (this.#probes === undefined) return;
    const { list } = this.#probes;
    const filtered = list.find(({ socket }) => socket === 1);
    if (filtered?.mapped !== undefined && this.#byPort === undefined) {
      this.#beginFiltering(filtered.mapped, now);
    }
    if (this.#hairpin !== undefined || !this.#options.mayHairpin) return;
    const ofMapping = list.filter(({ socket }) => socket === 0);
    if (ofMapping.length === 0 || !ofMapping.every(isSettled)) return;
    if (this.#mapping() !== 'endpoint-independent') return;
    const [a, b] = [2, 3].map((socket) => list.find((probe) => probe.socket === socket));
    if (a?.mapped === undefined || b?.mapped === undefined) return;
    // Several servers agree on the address: one that lies must not make us send to others.
    const agreed = ofMapping.find(({ mapped }) => mapped !== undefined)?.mapped;
    const isAgreed = (mapped: Endpoint): boolean =>
      agreed !== undefined && endpointAddress(mapped) === endpointAddress(agreed);
    if (!isAgreed(a.mapped) || !isAgreed(b.mapped)) return;
    const ends = [
      { socket: 2, mapped: a.mapped },
      { socket: 3, mapped: b.mapped },
    ] as const;
    const send = (socket: number, remote: Endpoint, bytes: Uint8Array): void => {
      this.#outputs.push({ type: 'send', socket, remote, bytes });
    };
    this.#hairpin = new HairpinTest({ random: this.#options.random, ends, send }, now);
  }

  #beginFiltering(mapped: Endpoint, now: Instant): void {
    const { random, servers } = this.#options;
    const { main, alternatePort, alternateAddress, dialBackRegion } = servers;
    const patienceMs = this.#patienceMs;
    const send = (remote: Endpoint, bytes: Uint8Array): void => {
      this.#outputs.push({ type: 'send', socket: 1, remote, bytes });
    };
    if (alternatePort !== undefined) {
      const common = { random, server: main, patienceMs, send };
      const from = endpoint(endpointAddress(main), alternatePort);
      this.#byPort = new ChangeTest(
        { ...common, change: { address: false, port: true }, from },
        now,
      );
      if (alternateAddress !== undefined) {
        const there = endpoint(alternateAddress, alternatePort);
        const change = { address: true, port: true };
        this.#byAddress = new ChangeTest({ ...common, change, from: there }, now);
        return;
      }
    }
    if (dialBackRegion === undefined || this.#byAddress !== undefined) return;
    this.#byAddress = new DialBackTest(
      {
        random,
        regionId: dialBackRegion,
        mapped,
        port: endpointPort(mapped),
        patienceMs,
        ask: (regionId, token, port) => this.#outputs.push({ type: 'ask', regionId, token, port }),
      },
      now,
    );
  }

  #isDone(now: Instant): boolean {
    if (now >= after(this.#startedAt, sweepMs)) return true;
    if (this.#probes === undefined) return false;
    const tests = [this.#byPort, this.#byAddress, this.#hairpin];
    return (
      this.#probes.list.every(isSettled) && tests.every((test) => test === undefined || test.isOver)
    );
  }

  #samples(): readonly MappingSample[] {
    return (this.#probes?.list ?? []).flatMap(({ socket, server, order, tries, mapped }) => {
      const localPort = this.#ports[socket];
      if (mapped === undefined || typeof localPort !== 'number') return [];
      return [{ socket, localPort, server, mapped, order: tries === 1 ? order : undefined }];
    });
  }

  #mapping(): MappingBehaviour | undefined {
    const samples = this.#samples().filter(({ socket }) => socket === 0);
    const localPort = this.#ports[0];
    const own = this.#options.localAddresses.map((address) => endpoint(address, localPort ?? 0));
    return judgeMapping(samples, (mapped) => own.includes(mapped));
  }

  /** A test whose sender does not even answer when it is asked itself proves nothing by silence. */
  #outcomeOf(
    test: UnaskedTest | undefined,
    address: IpAddress | undefined,
  ): UnaskedTest['outcome'] {
    if (test?.outcome !== 'silent' || test instanceof DialBackTest) return test?.outcome;
    const { alternatePort } = this.#options.servers;
    const isHeard = (this.#probes?.list ?? []).some(({ server, mapped }) => {
      const isIt = server === endpoint(address ?? endpointAddress(server), alternatePort ?? 0);
      return isIt && mapped !== undefined;
    });
    return isHeard ? 'silent' : undefined;
  }

  #end(): void {
    const { main, alternateAddress } = this.#options.servers;
    const mapping = this.#mapping();
    const byPort = this.#outcomeOf(this.#byPort, endpointAddress(main));
    this.#findings = {
      mapping,
      filtering: judgeFiltering(byPort, this.#outcomeOf(this.#byAddress, alternateAddress)),
      // Without translation there is no port to choose.
      allocation: mapping === 'none' ? undefined : judgeAllocation(this.#samples()),
      hairpin: this.#hairpin?.outcome,
      tablePressure: this.#tablePressure(),
      isSilent: this.#isSilent(),
    };
    for (let socket = 0; socket < sweepSockets; socket++) {
      this.#outputs.push({ type: 'close-socket', socket });
    }
  }

  #isSilent(): boolean {
    const list = this.#probes?.list ?? [];
    const asked = new Set(list.map(({ socket }) => socket));
    return asked.size === sweepSockets && list.every(({ isGivenUp }) => isGivenUp);
  }

  /** Later sockets got no answer from the server that answered the first one. */
  #tablePressure(): boolean | undefined {
    const { main } = this.#options.servers;
    const ofMain = (this.#probes?.list ?? []).filter(({ server }) => server === main);
    const heard = ofMain.filter(({ mapped }) => mapped !== undefined).length;
    if (heard === 0 || ofMain.length < sweepSockets) return undefined;
    if (heard === ofMain.length) return false;
    return ofMain.length - heard >= 2 ? true : undefined;
  }
}
