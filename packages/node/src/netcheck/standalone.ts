/**
 * A network check on sockets of its own: no daemon, no login, no rights. It runs the daemon's own engine with
 * nobody to talk to, over UDP sockets and relay connections that end with it.
 *
 *     EngineHost (check, dial-back, HTTPS and captive probes) --send--> DgramSockets
 *
 * Its ports and keys are fresh, so what it says of NAT and latencies holds for this machine, what it says of
 * reachability for its own port alone. A hub's relay doesn't dial back to strangers; then that stays unknown.
 */
import { networkInterfaces } from 'node:os';
import { Counters } from '@warren/core/base/counters';
import { classifyDatagram } from '@warren/core/disco/classify';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { SocketId } from '@warren/core/engines/paths';
import type { IpAddress, IpFamily } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import type { Netmap, RelayMap } from '@warren/core/netmap/types';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { silentLogger } from '@warren/shell/log';
import { EngineHost } from '../daemon/engine-host.js';
import { checkNetwork } from '../daemon/netcheck.js';
import { usableAddresses } from '../link/local-addresses.js';
import type { NetcheckReport } from '../local-api/netcheck-report.js';
import { DEFAULT_UDP_PORT } from '../local-api/protocol.js';
import { PortMapHost } from '../portmap/port-map-host.js';
import { DgramSockets } from '../udp/dgram-sockets.js';

export interface StandaloneOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly relayMap: RelayMap;
  /** UDP; 0: any free one. */
  readonly port: number;
  /** The tunnel's device, whose addresses are not the network's. */
  readonly tunName: string;
  /** Of the interfaces; absent: as they are. */
  readonly localAddresses?: readonly IpAddress[];
  /** Whether the router of the default route is asked what it maps; absent: it isn't. */
  readonly asksRouter?: boolean;
  readonly onProgress: (message: string) => void;
}

/** One check; rejects with a NodeError when it can't come to an end. */
export async function checkStandalone(options: StandaloneOptions): Promise<NetcheckReport> {
  const { clock, crypto, port, random, relayMap } = options;
  const nodePrivateKey = generatePrivateKey('node', random);
  const receiver: { host?: EngineHost } = {};
  const plane = new SocketPlane(clock, (message) => receiver.host?.handleUps([message]));
  const router = new PortMapHost({
    ...{ random, clock, log: silentLogger, tunName: options.tunName, probeOnly: true },
    onChange: (mappings, services) =>
      receiver.host?.handle({ type: 'port-map', mappings, services }),
  });
  const host = new EngineHost(
    {
      crypto,
      random,
      clock,
      log: silentLogger,
      plane,
      nodePrivateKey,
      discoPrivateKey: generatePrivateKey('disco', random),
      listenPort: port,
      portMap: router,
      portUse: {
        // Nobody knows who used a chosen port before; a random one is fresh.
        earlierUses: () => (port === 0 ? [] : [{ port, agoMs: 0, reached: [] }]),
        opened: () => undefined,
        dialledBack: () => undefined,
        closed: () => undefined,
      },
    },
    {
      onEndpoints: () => undefined,
      onNetInfo: () => undefined,
      onPathChanged: () => undefined,
      onRelayReady: () => undefined,
    },
  );
  receiver.host = host;
  if (options.asksRouter === true) router.linkChanged();
  try {
    const addresses =
      options.localAddresses ?? usableAddresses(networkInterfaces(), options.tunName);
    host.handle({ type: 'local-addresses', addresses });
    host.handle({
      type: 'netmap',
      netmap: lonelyNetmap(publicKeyOf(crypto, 'node', nodePrivateKey), relayMap),
    });
    // A port that is free today is nobody's to forward tomorrow.
    const nodePort = port === 0 ? DEFAULT_UDP_PORT : port;
    return await checkNetwork(host, clock, options.onProgress, nodePort);
  } finally {
    host.close();
    plane.close();
    await router.stop();
  }
}

/** A network of nobody but us. */
function lonelyNetmap(key: Netmap['self']['key'], relayMap: RelayMap): Netmap {
  return {
    self: {
      id: 1,
      stableId: '',
      name: '',
      key,
      machineKey: undefined,
      discoKey: undefined,
      addresses: [],
      allowedIps: [],
      endpoints: [],
      homeRegion: undefined,
      userId: 0,
      online: undefined,
      lastSeen: undefined,
      keyExpiry: undefined,
      expired: false,
      machineAuthorized: false,
      capVersion: 0,
      isWireGuardOnly: false,
      tags: [],
      hostName: '',
      os: '',
    },
    peers: new Map(),
    relayMap,
    users: new Map(),
    domain: '',
    packetFilter: [],
    filterSets: new Map(),
  };
}

/** What is left of a data plane when there is no data: two sockets. */
class SocketPlane {
  readonly counters = new Counters();
  readonly #sockets: DgramSockets;

  constructor(clock: Clock, up: (message: UpMessage) => void) {
    this.#sockets = new DgramSockets({
      counters: this.counters,
      onDatagram: (socketId, source, bytes) => {
        if (classifyDatagram(bytes, 0, bytes.length) !== 'stun') return;
        const receivedAt = clock.now();
        up({ type: 'datagram', kind: 'stun', socketId, source, bytes, receivedAt });
      },
      // A socket may open at once, while who asked for it is still being made.
      onOpen: (socketId, port) => queueMicrotask(() => up({ type: 'socket-open', socketId, port })),
      onFailed: (socketId, reason) =>
        queueMicrotask(() => up({ type: 'socket-failed', socketId, reason })),
      onSendFailed: (socketId, remote, reason) =>
        up({ type: 'send-failed', socketId, remote, reason }),
    });
  }

  send(message: DownMessage): void {
    if (message.type === 'open-socket') this.#open(message.socketId, message.family, message.port);
    else if (message.type === 'close-socket') this.#sockets.close(message.socketId);
    else if (message.type === 'send') {
      const { socketId, remote, bytes } = message;
      this.#sockets.send(socketId, remote, bytes, 0, bytes.length);
    }
  }

  close(): void {
    this.#sockets.closeAll();
  }

  #open(socketId: SocketId, family: IpFamily, port: number): void {
    this.#sockets.open(socketId, family, port);
  }
}
