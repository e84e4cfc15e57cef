/** Reports that several tests show to commands. Shapes are the daemon's own; values are made up. */
import type { NetcheckReport } from '@warren/node/local-api/netcheck-report';
import type { PeerStatus, SettingsReport, StatusReport } from '@warren/node/local-api/protocol';

/** A peer that was never talked to. */
export const quietPeer: PeerStatus = {
  name: 'desk.warren.internal',
  hostName: 'Desk',
  os: 'linux',
  user: 'ann@example.net',
  addresses: ['100.64.0.3', 'fd7a:115c:a1e0::3'],
  nodeKey: 'nodekey:00',
  path: null,
  endpoint: null,
  relay: 'hbt',
  latencyMs: null,
  lastHandshake: null,
  rxBytes: 0,
  txBytes: 0,
  online: true,
  active: false,
};

/** A peer in use over a direct path. */
export const directPeer: PeerStatus = {
  ...quietPeer,
  name: 'printer.warren.internal',
  hostName: 'printer',
  addresses: ['100.64.0.7', 'fd7a:115c:a1e0::7'],
  nodeKey: 'nodekey:02',
  path: 'direct',
  endpoint: '192.0.2.7:41641',
  latencyMs: 3.25,
  lastHandshake: '2031-03-04T05:06:07.000Z',
  rxBytes: 10404,
  txBytes: 9120,
  active: true,
};

/** A node that runs, with two peers. */
export const runningReport: StatusReport = {
  version: '0.1.0',
  state: 'Running',
  loginServer: 'https://hub.example.net',
  authUrl: null,
  settings: { configFile: '/etc/warren/node.hujson', staticEndpoints: [] },
  self: {
    name: 'laptop.warren.internal',
    hostName: 'laptop',
    user: 'ann@example.net',
    addresses: ['100.64.0.2', 'fd7a:115c:a1e0::2'],
    nodeKey: 'nodekey:01',
    endpoints: [{ addr: '198.51.100.2:41641', type: 'stun' }],
    udpPort: 41641,
    relay: 'hbt',
  },
  peers: [quietPeer, directPeer],
  health: [],
  history: [],
  counters: {},
};

/** What `warren set` says of a machine behind a balancer. */
export const settingsReport: SettingsReport = {
  configFile: '/etc/warren/node.hujson',
  hostName: 'laptop',
  staticEndpoints: {
    set: ['vpn.example.com:41641'],
    started: ['192.0.2.20:41641'],
    inUse: ['192.0.2.20:41641', '192.0.2.77:41641'],
  },
  healthPort: 41642,
  hardNats: true,
};

/** What `warren netcheck` says at a common home. */
export const easyNetcheck: NetcheckReport = {
  at: '2031-03-04T05:06:07.500Z',
  udp: true,
  ipv4: true,
  ipv6: false,
  osHasIPv6: true,
  globalV4: '203.0.113.9:54321',
  globalV6: null,
  mappingVariesByDestIP: false,
  nat: {
    class: 'easy',
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
    portAllocation: 'preserving',
    portDelta: 0,
    portRange: null,
    hairpin: false,
    lifetimeMs: null,
    tablePressure: false,
    cgnat: null,
    nat64: null,
    ipv6: null,
  },
  portMapping: { upnp: null, natpmp: null, pcp: null, external: null, errors: {} },
  captivePortal: null,
  proxy: null,
  relays: [
    { region: 'hbt', name: 'Harbour Town', latencyMs: 8.42, method: 'stun' },
    { region: 'nvl', name: 'North Valley', latencyMs: 21.9, method: 'stun' },
    { region: 'isl', name: 'Island', latencyMs: null, method: null },
  ],
  preferredRelay: 'hbt',
  endpoints: [{ addr: '203.0.113.9:54321', type: 'stun', verified: 'no' }],
  advice: [],
};
