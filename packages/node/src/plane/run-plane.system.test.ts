/** The data plane with real sockets and cryptography in this thread; only the device is the test's. */

import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { Path } from '@warren/core/engines/paths';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { hostPrefix } from '@warren/core/ip/prefix';
import {
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import { OPEN_FILTER } from '@warren/core/packet-engine/testing/engine-world';
import { ipPacket, ipPayload, tunBatch } from '@warren/core/packet-engine/testing/ip-packets';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, expect, test } from 'vitest';
import { createSharedBacklog, MAX_WAITING_PACKETS, workOff } from './backlog.js';
import type { OpenIo, PlaneTun, TunEvents } from './plane-io.js';
import type { FromPlane, PlaneWorkerData } from './plane-messages.js';
import { portableIo } from './portable-io.js';
import { runPlane } from './run-plane.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Side {
  readonly key: NodeKey;
  readonly overlay: IpAddress;
  readonly up: FromPlane[];
  /** What its operating system got. */
  readonly written: string[];
  readonly data: PlaneWorkerData;
  readonly tun: TunEvents;
  readonly tell: (message: DownMessage) => void;
  readonly port: MessagePort;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !holds(); await sleep(5)) {
    if (performance.now() > end) throw new Error(`not ${what} in time`);
  }
}

async function starts(
  overlay: string,
  run: { readonly identity?: NodePrivateKey; readonly handshakeFloor?: WallTime } = {},
): Promise<Side> {
  const { port1, port2 } = new MessageChannel();
  const { identity: privateKey = generatePrivateKey('node', random), ...floor } = run;
  const data = {
    ...floor,
    tunName: 'none',
    mtuBytes: 1280,
    downBacklog: createSharedBacklog(),
    upBacklog: createSharedBacklog(),
  };
  const up: FromPlane[] = [];
  const written: string[] = [];
  let tun: TunEvents | undefined;
  port1.on('message', (message: FromPlane) => up.push(message));
  const openIo: OpenIo = (_, events) => {
    tun = events;
    const device: PlaneTun = {
      write: (memory, at, length) => {
        written.push(Buffer.from(ipPayload(memory.slice(at, at + length))).toString());
      },
      close: () => written.push('closed'),
    };
    return Promise.resolve(portableIo(device, events));
  };
  await runPlane(port2, data, { openIo, crypto, cipherName: 'node' });
  await until('started', () => up.length > 0);
  expect(up.shift()).toMatchObject({ type: 'started' });
  if (tun === undefined) throw new Error('a plane opens its device');
  ends.push(async () => {
    const closed = new Promise<void>((resolve) => port1.once('close', () => resolve()));
    port1.postMessage({ type: 'stop' });
    await closed;
  });
  const tell = (message: DownMessage): void =>
    port1.postMessage({ type: 'down', messages: [message] });
  tell({ type: 'set-identity', privateKey });
  tell(OPEN_FILTER);
  const key = publicKeyOf(crypto, 'node', privateKey);
  return { key, overlay: overlay as IpAddress, up, written, data, tun, tell, port: port1 };
}

function said<Type extends UpMessage['type']>(side: Side, type: Type) {
  type Wanted = Extract<UpMessage, { readonly type: Type }>;
  return side.up
    .flatMap((message) => (message.type === 'up' ? message.messages : []))
    .filter((message): message is Wanted => message.type === type);
}

function knows(side: Side, peer: Side, paths: readonly Path[]): void {
  const settings = { keepaliveMs: 0, followsSource: false, allowedIps: [hostPrefix(peer.overlay)] };
  side.tell({ type: 'set-peer', peer: peer.key, ...settings });
  side.tell({ type: 'set-paths', peer: peer.key, paths });
}

async function opensSocket(side: Side): Promise<Endpoint> {
  side.tell({ type: 'open-socket', socketId: 1, family: 4, port: 0 });
  await until('open', () => said(side, 'socket-open').length > 0);
  return `127.0.0.1:${said(side, 'socket-open')[0]?.port}` as Endpoint;
}

/** What the operating system of `side` sends into the tunnel. */
function sends(side: Side, to: Side, texts: readonly string[]): void {
  const packets = texts.map((text) => ipPacket(side.overlay, to.overlay, Buffer.from(text)));
  side.tun.onPackets(tunBatch(packets));
}

test('packets of one device come out of the other, and stopping closes everything', async () => {
  const a = await starts('100.64.0.1');
  const b = await starts('100.64.0.2');
  const [atA, atB] = [await opensSocket(a), await opensSocket(b)];
  knows(a, b, [{ kind: 'direct', socketId: 1, remote: atB }]);
  knows(b, a, [{ kind: 'direct', socketId: 1, remote: atA }]);
  await sleep(50);
  sends(a, b, ['one', 'two', 'three']);
  await until('there', () => b.written.length === 3);
  sends(b, a, ['back']);
  await until('back', () => a.written.length === 1);
  expect([a.written, b.written]).toEqual([['back'], ['one', 'two', 'three']]);
  a.tell({ type: 'report-counters' });
  await until('counted', () => said(a, 'counters').length > 0);
  expect(said(a, 'counters')[0]?.peers[0]).toMatchObject({ peer: b.key, rxBytes: 24, txBytes: 71 });
  for (const end of ends.splice(0)) await end();
  expect(a.written.at(-1)).toBe('closed');
});

test('a main thread that is late costs relayed packets, which are counted, not memory', async () => {
  const a = await starts('100.64.0.1');
  const b = await starts('100.64.0.2');
  const relay: readonly Path[] = [{ kind: 'relay', regionId: 1 }];
  knows(a, b, relay);
  knows(b, a, relay);
  await sleep(50);
  const carried = { fromA: 0, fromB: 0 };
  const carry = (): void => {
    const fromA = said(a, 'relay-send').flatMap(({ packets }) => packets);
    const fromB = said(b, 'relay-send').flatMap(({ packets }) => packets);
    for (const packet of fromA.slice(carried.fromA)) {
      b.tell({ type: 'relay-received', packets: [{ ...packet, peer: a.key }] });
    }
    for (const packet of fromB.slice(carried.fromB)) {
      a.tell({ type: 'relay-received', packets: [{ ...packet, peer: b.key }] });
    }
    Object.assign(carried, { fromA: fromA.length, fromB: fromB.length });
  };
  sends(a, b, ['hello']);
  await until('through the relay', () => {
    carry();
    return b.written.length === 1;
  });
  const burst = Array.from({ length: 100 }, (_, i) => `packet ${i}`);
  const before = carried.fromA;
  for (let round = 0; round < 40; round++) sends(a, b, burst);
  await sleep(50);
  a.tell({ type: 'report-counters' });
  await until('counted', () => said(a, 'counters').length > 0);
  const arrived = said(a, 'relay-send').flatMap(({ packets }) => packets).length - before;
  expect(arrived).toBeLessThanOrEqual(MAX_WAITING_PACKETS);
  const dropped = said(a, 'counters')[0]?.totals['relay-send-mailbox-full'] ?? 0;
  expect(arrived + dropped).toBe(4_000);
  workOff(a.data.upBacklog, arrived + before);
  sends(a, b, ['again']);
  await until('again', () => {
    carry();
    return b.written.at(-1) === 'again';
  });
});

test('a machine whose clock went back between two runs is heard when it begins where the last run ended', async () => {
  const identity = generatePrivateKey('node', random);
  const b = await starts('100.64.0.2');
  const atB = await opensSocket(b);
  /** One run of the machine, which says something to `b`; answers the times of its handshakes. */
  const run = async (text: string, handshakeFloor: WallTime): Promise<readonly WallTime[]> => {
    const a = await starts('100.64.0.1', { identity, handshakeFloor });
    const remote = await opensSocket(a);
    knows(a, b, [{ kind: 'direct', socketId: 1, remote: atB }]);
    knows(b, a, [{ kind: 'direct', socketId: 1, remote }]);
    await sleep(50);
    sends(a, b, [text]);
    for (let tries = 0; tries < 100 && b.written.at(-1) !== text; tries++) await sleep(10);
    await ends.pop()?.();
    return a.up.flatMap((message) => (message.type === 'handshake-time' ? [message.time] : []));
  };
  const anHourAhead = wallTime(Date.now() + 3_600_000);
  const [first] = await run('ahead', anHourAhead);
  expect(first).toBeGreaterThanOrEqual(anHourAhead);
  await run('behind', wallTime(0));
  expect(b.written).toEqual(['ahead']);
  await run('not before', wallTime((first ?? anHourAhead) + 1000));
  expect(b.written).toEqual(['ahead', 'not before']);
});

test('a device that goes away is told with its reason', async () => {
  const a = await starts('100.64.0.1');
  const gone = { code: 'TUN_GONE', message: 'deleted', hint: 'start again' };
  a.tun.onGone(gone as never);
  await until('told', () => a.up.length > 0);
  expect(a.up[0]).toEqual({ type: 'failed', ...gone });
});

test('datagrams of one turn leave one after the other: NATs give ports by their order', async () => {
  const { port1, port2 } = new MessageChannel();
  const log: string[] = [];
  const openIo: OpenIo = () =>
    Promise.resolve({
      description: 'a list',
      tun: { write: () => undefined },
      udp: {
        open: () => undefined,
        close: () => undefined,
        send: (_socketId, remote) => log.push(remote),
      },
      flush: () => log.push('flush'),
      wait: () => undefined,
      close: () => undefined,
    });
  const backlogs = { downBacklog: createSharedBacklog(), upBacklog: createSharedBacklog() };
  const data = { tunName: 'none', mtuBytes: 1280, ...backlogs };
  await runPlane(port2, data, { openIo, crypto, cipherName: 'node' });
  const remotes = [1, 2, 3].map((number) => `192.0.2.1:${number}` as Endpoint);
  const messages = remotes.map((remote) => ({
    ...({ type: 'send', socketId: 1, remote, bytes: new Uint8Array(8) } satisfies DownMessage),
  }));
  port1.postMessage({ type: 'down', messages });
  await until('sent', () => log.includes('192.0.2.1:3'));
  expect(log.join(' ')).toMatch(
    /^192.0.2.1:1 flush (flush )*192.0.2.1:2 flush (flush )*192.0.2.1:3/,
  );
  port1.postMessage({ type: 'stop' });
});
