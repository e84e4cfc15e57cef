/** What `warren why` says of a relayed pair, for tests of the command and of its text. */
import type { WhyFamily, WhyNat, WhyReport } from '@warren/node/local-api/why-report';

const off: WhyFamily = {
  ...{ works: false, mapping: null, filtering: null, portAllocation: null, portDelta: null },
  ...{ portRange: null, lifetimeMs: null, hairpin: null, mapped: null },
};

const here: WhyNat = {
  class: 'hard',
  ipv4: {
    ...{ ...off, works: true, mapping: 'endpoint-dependent', portAllocation: 'sequential' },
    portDelta: 2,
  },
  ipv6: { ...off, works: true },
  ...{ cgnat: false, nat64: null, reachable: [] },
  portMapping: { upnp: true, natpmp: false, pcp: false, external: null },
};

const there: WhyNat = {
  class: 'hard',
  ipv4: {
    ...{ ...off, works: true, portAllocation: 'random' },
    mapping: 'address-and-port-dependent',
    filtering: 'address-and-port-dependent',
    portRange: { low: 40_000, high: 40_063 },
  },
  ipv6: off,
  ...{ cgnat: null, nat64: null, reachable: [] },
  portMapping: { upnp: false, natpmp: false, pcp: false, external: null },
};

export const relayedWhy: WhyReport = {
  verdict: 'relayed',
  reason: 'Both NATs take a new port for each destination.',
  rule: 'both-hard',
  selfName: 'laptop',
  peerName: 'printer',
  self: here,
  peer: there,
  path: { kind: 'relay', endpoint: null, relay: 'hbt', latencyMs: null },
  notes: [
    {
      rule: 'port-mapping-off',
      where: 'peer',
      text: 'The router of printer answers neither UPnP, NAT-PMP nor PCP.',
    },
  ],
  attempts: [
    {
      endpoint: '192.0.2.9:41641',
      sources: ['map', 'call-me-maybe'],
      ...{ pingsSent: 4, pongs: 0, latencyMs: null, error: null, inUse: false },
    },
    {
      endpoint: '192.168.1.9:41641',
      sources: ['call-me-maybe'],
      ...{ pingsSent: 2, pongs: 0, latencyMs: null, error: 'unreachable', inUse: false },
    },
  ],
  callsSent: 3,
  callsReceived: 2,
  fixes: [
    {
      code: 'enable-port-mapping',
      do: 'Switch on UPnP at the router of this machine.',
      effect: 'portmap',
      where: 'self',
    },
    { code: 'use-warren', do: 'Run Warren on printer.', effect: null, where: 'peer' },
  ],
  history: [
    {
      at: '2026-01-02T00:00:00.000Z',
      kind: 'nat',
      ...{ peer: null, from: 'easy', to: 'hard', cause: 'link-changed' },
    },
  ],
};
