import { Counters } from '@warren/core/base/counters';
import { decodeRelayMap } from '@warren/core/netmap/decode-relay-map';
import { encodeRelayMap } from '@warren/core/netmap/encode-relay-map';
import type { RelayMap, RelayNode } from '@warren/core/netmap/types';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const address = (text: string) => fc.constantFrom(text, null, undefined);
const relayNode = (regionId: number) =>
  fc
    .record({
      name: fc.constantFrom('', '1a', 'x'),
      hostName: fc.constantFrom('relay.example.net', '198.51.100.1'),
      certName: fc.constantFrom(undefined, `sha256-raw:${'ab'.repeat(32)}`),
      ipv4: address('198.51.100.1'),
      ipv6: address('2001:db8::1'),
      relayPort: fc.integer({ min: 1, max: 65_535 }),
      stunPort: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
      stunOnly: fc.boolean(),
      canPort80: fc.boolean(),
      dialsBack: fc.boolean(),
      alternates: fc.constantFrom(
        {},
        { alternateStunPort: 3479 },
        { alternateStunPort: 3479, alternateIpv4: '198.51.100.2', alternateIpv6: '2001:db8::2' },
      ),
    })
    .map(({ canPort80, dialsBack, alternates, ...rest }) => ({
      ...rest,
      ...alternates,
      regionId,
      ...(canPort80 ? { canPort80 } : {}),
      ...(dialsBack ? { dialsBack } : {}),
    }));
const region = fc.integer({ min: 1, max: 999 }).chain((id) =>
  fc.record({
    id: fc.constant(id),
    code: fc.constantFrom('fra', 'town'),
    name: fc.constantFrom('Frankfurt', ''),
    noMeasureNoHome: fc.boolean(),
    nodes: fc.array(relayNode(id), { maxLength: 3 }),
  }),
);

test('what is encoded is decoded to the same map', () => {
  fc.assert(
    fc.property(fc.uniqueArray(region, { maxLength: 4, selector: ({ id }) => id }), (regions) => {
      const map = { regions: new Map(regions.map((one) => [one.id, one])) } as unknown as RelayMap;
      const wire: unknown = JSON.parse(JSON.stringify(encodeRelayMap(map)));
      const counters = new Counters();
      expect(decodeRelayMap(wire, counters)).toEqual(map);
      expect(counters.snapshot()).toEqual({});
    }),
  );
});

test('what a node may or may not do travels by its own name', () => {
  const node = { name: 'a', regionId: 7, hostName: 'h', relayPort: 443, stunOnly: false };
  const full = { ...node, certName: undefined, ipv4: null, ipv6: undefined, stunPort: undefined };
  const only = { ...full, canPort80: true, dialsBack: true, alternateStunPort: 3479 } as RelayNode;
  const map = { id: 7, code: 'c', name: 'n', noMeasureNoHome: true, nodes: [only] };
  expect(encodeRelayMap({ regions: new Map([[7, map]]) })).toEqual({
    Regions: {
      '7': {
        RegionID: 7,
        RegionCode: 'c',
        RegionName: 'n',
        NoMeasureNoHome: true,
        Nodes: [
          {
            Name: 'a',
            RegionID: 7,
            HostName: 'h',
            IPv4: 'none',
            DERPPort: 443,
            STUNPort: -1,
            CanPort80: true,
            WarrenDialBack: true,
            WarrenStunAlternatePort: 3479,
          },
        ],
      },
    },
  });
});
