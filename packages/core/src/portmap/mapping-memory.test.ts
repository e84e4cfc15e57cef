import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { RememberedMapping } from './io.js';
import { MappingMemory, maxRemembered, parseRemembered } from './mapping-memory.js';

const mapping: RememberedMapping = {
  protocol: 'upnp',
  gateway: '192.168.1.1' as IpAddress,
  self: '192.168.1.5' as IpAddress,
  internalPort: 41_641,
  external: '5.6.7.8:41641' as Endpoint,
  device: { controlUrl: 'http://192.168.1.1:5000/ctl', service: 'WANIPConnection:1' },
};
const pcp: RememberedMapping = {
  ...{ protocol: 'pcp', gateway: mapping.gateway, self: mapping.self, internalPort: 41_641 },
  ...{ external: mapping.external, nonce: 'c0c1c2c3c4c5c6c7c8c9cacb' },
};

test('what is written is read again', () => {
  const json: unknown = JSON.parse(JSON.stringify([mapping, pcp]));
  expect(parseRemembered(json)).toEqual([mapping, pcp]);
});

test.each([
  ['no list', {}],
  ['a protocol that is none', [{ ...mapping, protocol: 'igd' }]],
  ['a name for a router', [{ ...mapping, gateway: 'router.lan' }]],
  ['a port that is none', [{ ...mapping, internalPort: 70_000 }]],
  ['no external endpoint', [{ ...mapping, external: '5.6.7.8' }]],
])('%s is refused', (_what, json) => {
  expect(parseRemembered(json)).toBeUndefined();
});

test('anything at all is refused or read', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      const parsed = parseRemembered(json);
      expect(parsed === undefined || Array.isArray(parsed)).toBe(true);
    }),
  );
});

test('one a protocol, router and port; told only when it changes; the oldest go first', () => {
  const memory = new MappingMemory();
  expect(memory.takeChange()).toBeUndefined();
  memory.keep(mapping);
  memory.keep({ ...mapping, external: '5.6.7.8:2000' as Endpoint });
  memory.keep(pcp);
  expect(memory.takeChange()?.map(({ external }) => external)).toEqual([
    '5.6.7.8:2000',
    '5.6.7.8:41641',
  ]);
  expect(memory.takeChange()).toBeUndefined();
  memory.drop(mapping);
  expect(memory.all).toEqual([pcp]);
  for (let port = 1; port <= 2 * maxRemembered; port++) memory.keep({ ...pcp, internalPort: port });
  expect(memory.all).toHaveLength(maxRemembered);
  expect(memory.all.at(-1)?.internalPort).toBe(2 * maxRemembered);
});
