import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkTopology } from '@warren/lab/topology/validate';
import { expect, test } from 'vitest';
import { parseNetworkFile } from './parse.js';

const examples = fileURLToPath(new URL('../../../../examples/networks/', import.meta.url));

const GOOD = `{
  "regions": ["here"],
  "servers": [{ "name": "hub", "region": "here", "addresses": ["3.210.5.10"] }],
  "networks": [
    { "name": "home", "region": "here", "addresses": ["54.160.20.12"], "nat": "easy",
      "lan": "192.168.11.0/24" },
  ],
  "machines": [
    { "name": "laptop", "network": "home", "address": "192.168.11.10" },
    { "name": "server", "region": "here", "addresses": ["52.20.10.11"] },
  ],
}`;

const parse = (text: string): ReturnType<typeof parseNetworkFile> =>
  parseNetworkFile('my.hujson', new TextEncoder().encode(text));

test('the examples are networks that can be built', () => {
  const files = readdirSync(examples);
  expect(files).toHaveLength(6);
  for (const file of files) {
    const { topology, expect: expected } = parseNetworkFile(file, readFileSync(examples + file));
    checkTopology(topology);
    expect(topology.name, file).toBe(file.replace('.hujson', ''));
    expect(expected.length, file).toBeGreaterThan(0);
  }
});

test('a small network needs no more than regions, servers and machines', () => {
  const { topology, expect: expected } = parse(GOOD);
  expect(topology.networks).toEqual([
    {
      name: 'home',
      region: 'here',
      addresses: ['54.160.20.12'],
      nat: 'easy',
      lan: '192.168.11.0/24',
    },
  ]);
  expect(topology.machines.map(({ at }) => at.kind)).toEqual(['lan', 'public']);
  expect(expected).toEqual([]);
});

test('all that a router can do is read', () => {
  const router = `"nat": "hard", "hairpin": true, "crossTrafficPerSecond": 20, "rejects": true, "bansAfter": 30,
    "ipv6": { "lan": "2a02:8109:b511:1::/64", "firewalled": false }, "nat64": true,
    "carrier": { "nat": "hard", "lan": "100.64.11.0/24" },
    "portMapping": { "protocols": ["pcp", "upnp"], "tells": "5.6.7.9", "dead": true },
    "balancers": [{ "address": "54.160.20.13", "port": 41641, "machine": "laptop" }]`;
  const { topology } = parse(GOOD.replace('"nat": "easy"', router));
  expect(topology.networks[0]).toMatchObject({
    nat: 'hard',
    hairpin: true,
    ...{ crossTrafficPerSecond: 20, rejects: true, bansAfter: 30 },
    ipv6: { lan: '2a02:8109:b511:1::/64', firewalled: false },
    nat64: true,
    carrier: { nat: 'hard', lan: '100.64.11.0/24' },
    portMapping: { protocols: ['pcp', 'upnp'], tells: '5.6.7.9', dead: true },
    balancers: [{ address: '54.160.20.13', port: 41_641, machine: 'laptop' }],
  });
  const plain = parse(GOOD.replace('"nat": "easy"', '"nat": "easy", "portMapping": true'));
  expect(plain.topology.networks[0]?.portMapping).toBe(true);
});

test.each([
  [
    '"nat": "easy"',
    '"nat": "strict"',
    /my\.hujson.*5.*"strict" is not known here; there is: easy,/,
  ],
  ['"network": "home"', '"network": "work"', /9.*no network "work"; there is: home/],
  [
    '"region": "here", "addresses": ["52',
    '"region": "mars", "addresses": ["52',
    /10.*no region "mars"/,
  ],
  ['"name": "server"', '"name": "laptop"', /10.*"laptop" is used twice/],
  ['"name": "server"', '"name": "My Server"', /10.*is no name/],
  ['"192.168.11.10"', '"192.168.11"', /9.*an IPv4 address is expected/],
  ['"192.168.11.0/24"', '"192.168.11.1/24"', /6.*without host bits/],
  ['"nat": "easy"', '"nat": "easy", "upnp": true', /5.*"upnp" is no setting; there is: name,/],
  ['"nat": "easy"', '"nat": "easy", "nat64": true', /5.*needs "ipv6"/],
  ['"network": "home"', '"network": "home", "firewalled": true', /9.*is for a machine with public/],
  ['"regions": ["here"]', '"regions": ["here", "there"]', /here and there need a link/],
  ['"regions": ["here"]', '"regions": "here"', /2.*a list in \[ \] is expected/],
  ['"nat": "easy",', '"nat": "easy"', /./],
  [', "address": "192.168.11.10"', '', /9.*"address" is missing here/],
])('%s as %s is refused with its line', (good, bad, message) => {
  expect(GOOD).toContain(good);
  const text = GOOD.replace(good, bad);
  if (message.source === '.') expect(() => parse(text)).toThrow(/comma/);
  else expect(() => parse(text)).toThrow(message);
});
