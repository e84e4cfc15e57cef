/** What a port mapper found: a router that maps by PCP, knows NAT-PMP, and has no UPnP. */
import type { PortMapReport } from '@warren/node/local-api/portmap-report';

const nothing = { devices: [], error: null, retryInMs: null, mapping: null } as const;
const epoch = { seconds: 360_000, toldAgoMs: 30_000 };

export const mappedPort: PortMapReport = {
  enabled: true,
  seen: '203.0.113.9:41641',
  cgnat: false,
  routers: [
    {
      ...{ family: 4, gateway: '192.168.1.1', self: '192.168.1.5', internalPort: 41_641 },
      protocols: [
        {
          ...nothing,
          ...{ protocol: 'pcp', state: 'mapped', present: true },
          ...{ externalAddress: '203.0.113.9', epoch },
          mapping: {
            ...{ external: '203.0.113.9:41641', public: true, lifetimeMs: 7_200_000 },
            ...{ renewsInMs: 3_540_000, expiresInMs: 7_140_000 },
          },
        },
        {
          ...nothing,
          ...{ protocol: 'natpmp', state: 'ready', present: true },
          ...{ externalAddress: '203.0.113.9', epoch },
        },
        {
          ...nothing,
          ...{ protocol: 'upnp', state: 'failed', present: false },
          ...{ externalAddress: null, epoch: null, retryInMs: 290_000 },
          error: 'no router answered a search for UPnP',
        },
      ],
    },
  ],
};
