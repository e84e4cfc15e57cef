import { instant } from '@warren/core/base/instant';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { UNKNOWN_NAT } from '@warren/core/netmap/nat-description';
import type { RouterReport } from '@warren/core/portmap/mapper-report';
import { expect, test } from 'vitest';
import { portMapJson } from './portmap-json.js';

const router: RouterReport = {
  family: 4,
  gateway: '192.168.1.1' as IpAddress,
  self: '192.168.1.5' as IpAddress,
  internalPort: 41_641,
  methods: [
    {
      ...{ protocol: 'pcp', state: 'mapped', isPresent: true, error: undefined },
      ...{ retryAt: undefined, isLooking: false, address: '203.0.113.9' as IpAddress },
      ...{ devices: [], renewsAt: instant(70_000), expiresAt: instant(130_000) },
      epoch: { seconds: 7, at: instant(9_000) },
      mapping: {
        ...{ external: '203.0.113.9:41641' as Endpoint, isPublic: true },
        lifetimeMs: Number.POSITIVE_INFINITY,
      },
    },
  ],
};

test('times are told from now on, and a family without a router is left out', () => {
  const nowhere = { ...router, family: 6, gateway: undefined, methods: [] } as const;
  const report = portMapJson([router, nowhere], UNKNOWN_NAT, instant(10_000));
  expect(report).toEqual({
    ...{ enabled: true, seen: null, cgnat: null },
    routers: [
      {
        ...{ family: 4, gateway: '192.168.1.1', self: '192.168.1.5', internalPort: 41_641 },
        protocols: [
          {
            ...{ protocol: 'pcp', state: 'mapped', present: true, externalAddress: '203.0.113.9' },
            ...{ epoch: { seconds: 7, toldAgoMs: 1_000 }, devices: [], error: null },
            retryInMs: null,
            mapping: {
              ...{ external: '203.0.113.9:41641', public: true, lifetimeMs: null },
              ...{ renewsInMs: 60_000, expiresInMs: 120_000 },
            },
          },
        ],
      },
    ],
  });
});

test('a daemon that leaves routers alone says so', () => {
  expect(portMapJson(undefined, undefined, instant(0))).toEqual({
    ...{ enabled: false, seen: null, cgnat: null, routers: [] },
  });
});
