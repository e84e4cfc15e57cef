import { expect, test } from 'vitest';
import { parseDnsFile } from './dns-file.js';

const parse = (text: string) => parseDnsFile('/etc/warren/dns.hujson', Buffer.from(text));

test('an empty file is what there is without one', () => {
  expect(parse('{}')).toEqual({
    magicDns: true,
    overrideLocalDns: false,
    globalNameservers: [],
    splitNameservers: new Map(),
    searchDomains: [],
    extraRecords: [],
  });
});

test('a whole file', () => {
  const text = `{
    // what it says
    "magicDns": false, "overrideLocalDns": true,
    "nameservers": { "global": ["9.9.9.9", "[2620:fe::fe]:53"], "split": { "Corp.Example.": ["10.0.0.53:5353"], "x.example": [] } },
    "searchDomains": ["corp.example"],
    "extraRecords": [{ "name": "wiki.net.example", "value": "100.64.0.7" }, { "name": "wiki.net.example", "type": "AAAA", "value": "fd7a:115c:a1e0::7" }],
  }`;
  expect(parse(text)).toEqual({
    magicDns: false,
    overrideLocalDns: true,
    globalNameservers: ['9.9.9.9', '[2620:fe::fe]:53'],
    splitNameservers: new Map([
      ['corp.example', ['10.0.0.53:5353']],
      ['x.example', []],
    ]),
    searchDomains: ['corp.example'],
    extraRecords: [
      { name: 'wiki.net.example', type: 'A', value: '100.64.0.7' },
      { name: 'wiki.net.example', type: 'AAAA', value: 'fd7a:115c:a1e0::7' },
    ],
  });
});

test.each([
  ['{ "nameservers": { "global": ["dns.example"] } }', 'an address is expected'],
  ['{ "nameservers": { "global": ["100.100.100.100"] } }', 'would ask itself'],
  ['{ "nameservers": { "split": { ".": ["9.9.9.9"] } } }', 'for all domains there is "global"'],
  ['{ "searchDomains": ["a..b"] }', 'a domain is expected'],
  ['{ "extraRecords": [{ "name": "a.example" }] }', 'needs "name" and "value"'],
  ['{ "extraRecords": [{ "name": "a.example", "type": "TXT", "value": "10.0.0.1" }] }', 'is A'],
  ['{ "baseDomain": "x" }', 'is no setting'],
])('%s is refused', (text, problem) => {
  expect(() => parse(text)).toThrow(problem);
});
