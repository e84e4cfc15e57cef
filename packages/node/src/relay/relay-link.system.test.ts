/** A RelayLink against the real relay, and against relays that mean no good. */

import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '@warren/core/base/counters';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import { generatePrivateKey, type NodeKey, publicKeyOf } from '@warren/core/keys/keys';
import type { RelayNode, RelayRegion } from '@warren/core/netmap/types';
import { encodePing } from '@warren/core/relay/encode-frames';
import { RelayServer } from '@warren/core/relay/server';
import { type RunningRelay, runRelay } from '@warren/servers/relay/run-relay';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RelayLink, type RelayLinkEvents } from './relay-link.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const shared = { crypto, random, clock: systemClock };

interface Ears {
  readonly link: RelayLink;
  readonly key: NodeKey;
  readonly packets: string[];
  readonly counters: Counters;
  ready: boolean;
  closed: string | undefined;
}

let directory: string;
const ends: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-relay-link-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(directory, { recursive: true });
});

function region(node: Partial<RelayNode>): RelayRegion {
  const whole: RelayNode = {
    name: '1a',
    regionId: 1,
    hostName: 'relay.invalid',
    certName: undefined,
    ipv4: '127.0.0.1' as IpAddress,
    ipv6: null,
    relayPort: 0,
    stunPort: undefined,
    stunOnly: false,
    ...node,
  };
  return { id: 1, code: 'one', name: 'One', noMeasureNoHome: false, nodes: [whole] };
}

function listens(to: RelayRegion, events: Partial<RelayLinkEvents> = {}): Ears {
  const nodePrivateKey = generatePrivateKey('node', random);
  const counters = new Counters();
  const ears: { -readonly [Name in keyof Ears]: Ears[Name] } = {
    key: publicKeyOf(crypto, 'node', nodePrivateKey),
    packets: [],
    counters,
    ready: false,
    closed: undefined,
    link: new RelayLink(
      { ...shared, nodePrivateKey, region: to, counters },
      {
        onReady: () => {
          ears.ready = true;
        },
        onDialBackAnswer: () => undefined,
        onAddressCheckAnswer: () => undefined,
        onPacket: (_source, packet) => ears.packets.push(Buffer.from(packet).toString()),
        onPeerGone: () => undefined,
        onClosed: (reason) => {
          ears.closed = reason;
        },
        ...events,
      },
    ),
  };
  ends.push(() => ears.link.close());
  return ears;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !holds(); await sleep(5)) {
    if (performance.now() > end) throw new Error(`not ${what} in time`);
  }
}

async function realRelay(
  changes: { listenHost?: string; admit?: () => boolean } = {},
): Promise<{ relay: RunningRelay; region: RelayRegion }> {
  const relay = await runRelay({
    ...shared,
    log: silentLogger,
    listenHost: '127.0.0.1',
    port: 0,
    stunPort: undefined,
    hostName: '127.0.0.1',
    stateDir: join(directory, 'relay'),
    regionId: 1,
    regionCode: 'one',
    regionName: 'One',
    ...changes,
  });
  ends.push(() => relay.close());
  const certName = relay.region.Nodes[0]?.CertName;
  return { relay, region: region({ relayPort: relay.port, certName }) };
}

/** TLS that upgrades to DERP; what then happens on the socket is the test's. */
async function wickedRelay(meet: (socket: Duplex) => void): Promise<RelayRegion> {
  const { certificatePem, privateKeyPem, pin } = makeSelfSigned(['relay'], systemClock.wall());
  const server = createServer({ cert: certificatePem, key: privateKeyPem });
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => undefined);
    ends.push(() => socket.destroy());
    meet(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return region({ relayPort: (server.address() as AddressInfo).port, certName: pin });
}

/** Takes a client in as a relay does, then never reads again. */
async function deafRelay(then: (socket: Duplex) => void): Promise<RelayRegion> {
  return wickedRelay((socket) => {
    const privateKey = generatePrivateKey('relay', random);
    const relay = new RelayServer({ crypto, random, privateKey });
    const drain = (): void => {
      for (let out = relay.poll(); out !== undefined; out = relay.poll()) {
        if (out.type !== 'write') continue;
        socket.write(out.bytes);
        relay.handle({ type: 'drained', connection: 1 }, systemClock.now());
      }
    };
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n',
    );
    relay.handle({ type: 'accept', connection: 1, source: '127.0.0.1' }, systemClock.now());
    drain();
    socket.on('data', (bytes: Buffer) => {
      relay.handle({ type: 'bytes', connection: 1, bytes }, systemClock.now());
      drain();
      if (relay.connections()[0]?.key === undefined) return;
      socket.removeAllListeners('data').pause();
      then(socket);
    });
  });
}

const packet = (text: string): Uint8Array => Buffer.from(text);

test('packets cross in order, also those that are answered at once', async () => {
  const { region: to } = await realRelay();
  const echo = listens(to, {
    onPacket: (source, bytes) => echo.link.send(source, bytes),
  });
  const talker = listens(to);
  await until('ready', () => echo.ready && talker.ready);
  const said = Array.from({ length: 100 }, (_, i) => `packet ${i}`);
  for (const text of said) talker.link.send(echo.key, packet(text));
  await until('answered', () => talker.packets.length === said.length);
  expect(talker.packets).toEqual(said);
  talker.link.close();
  expect(talker.counters.snapshot()).toEqual({});
});

test('what ends at once is told after the link is made', async () => {
  let made: Ears | undefined;
  let madeAtEnd: Ears | undefined;
  made = listens({ ...region({}), nodes: [] }, { onClosed: () => (madeAtEnd = made) });
  await until('closed', () => madeAtEnd !== undefined);
  expect(madeAtEnd).toBe(made);
});

test('a relay that refuses closes without a word', async () => {
  const { region: to } = await realRelay({ admit: () => false });
  const refused = listens(to);
  await until('closed', () => refused.closed !== undefined);
  expect(refused.closed).toBe('connection-closed');
  expect(refused.ready).toBe(false);
});

test('a relay that does not read costs packets, not memory', async () => {
  const slow = listens(await deafRelay(() => undefined));
  await until('ready', () => slow.ready);
  const bulk = new Uint8Array(1_000);
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 100; i++) slow.link.send(slow.key, bulk);
    await sleep(1);
  }
  expect(slow.closed).toBeUndefined();
  slow.link.close(); // counters come once a second, and at the end
  expect(slow.counters.get('relay-drop-send-data-full')).toBeGreaterThan(5_000);
});

test('a relay that asks for pongs without end and reads none is given up', async () => {
  const pings = Buffer.concat(Array.from({ length: 4_000 }, () => encodePing(new Uint8Array(8))));
  const pestered = listens(
    await deafRelay((socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write(pings));
      };
      socket.on('drain', pour);
      pour();
    }),
  );
  await until('closed', () => pestered.closed !== undefined);
  expect(pestered.closed).toBe('relay-does-not-read');
});

test('a link that is closed in the middle of its dial leaves no connection behind', async () => {
  let met: Duplex | undefined;
  const dialling = listens(
    await wickedRelay((socket) => {
      met = socket;
    }),
  );
  await until('dialling', () => met !== undefined);
  dialling.link.close();
  await until('gone', () => met?.destroyed === true);
  expect(dialling.closed).toBeUndefined();
});

test('a relay is found on the family that answers', async () => {
  const { relay } = await realRelay({ listenHost: '::1' });
  const certName = relay.region.Nodes[0]?.CertName;
  const relayPort = relay.port;
  const ipv6 = parseAddress('::1') ?? null;
  const both = listens(region({ relayPort, certName, ipv4: '127.0.0.1' as IpAddress, ipv6 }));
  await until('ready', () => both.ready);
  const hostName = '127.0.0.1';
  const byAddress = region({ hostName, relayPort, certName, ipv4: '127.0.0.1' as IpAddress, ipv6 });
  const other = listens(byAddress);
  await until('ready', () => other.ready);
});
