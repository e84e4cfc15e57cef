import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { acceptCandidates, candidateRefusal } from '@warren/core/paths/candidate-filter';
import { directPath } from '@warren/core/paths/testing/peer-drive';
import { expect, test } from 'vitest';

const context = {
  ownSockets: new Set(['192.168.1.20:41641' as Endpoint]),
  allowLoopback: false,
};

test.each([
  ['203.0.113.9:0', 'candidate-port-zero'],
  ['0.0.0.0:41641', 'candidate-unspecified'],
  ['[::]:41641', 'candidate-unspecified'],
  ['224.0.0.251:5353', 'candidate-multicast'],
  ['255.255.255.255:9', 'candidate-multicast'],
  ['[ff02::1]:41641', 'candidate-multicast'],
  ['100.64.0.9:41641', 'candidate-overlay'],
  ['[fd7a:115c:a1e0::9]:41641', 'candidate-overlay'],
  ['[fe80::1]:41641', 'candidate-ipv6-link-local'],
  ['127.0.0.1:41641', 'candidate-loopback'],
  ['[::1]:41641', 'candidate-loopback'],
  ['192.168.1.20:41641', 'candidate-own-socket'],
  ['192.168.1.20:41642', undefined],
  ['192.168.1.21:41641', undefined],
  ['169.254.3.4:41641', undefined],
  ['203.0.113.9:41641', undefined],
  ['[2001:db8::9]:41641', undefined],
] as const)('%s: %s', (remote, refusal) => {
  expect(candidateRefusal(remote as Endpoint, context)).toBe(refusal);
});

test('inside a network of the same range a neighbour is a candidate, a mesh address never', () => {
  const shared = { ...context, meshAddresses: new Set(['100.64.0.9' as IpAddress]) };
  const refusal = (remote: string) => candidateRefusal(remote as Endpoint, shared);
  expect(refusal('100.64.7.9:41641')).toBeUndefined();
  expect(refusal('100.64.0.9:41641')).toBe('candidate-overlay');
  expect(refusal('[fd7a:115c:a1e0::77]:41641')).toBe('candidate-overlay');
});

test('loopback serves when it is all that this machine has', () => {
  const alone = { ...context, allowLoopback: true };
  expect(candidateRefusal('127.0.0.1:41641' as Endpoint, alone)).toBeUndefined();
});

test('a list is cut at the limit and every refusal has its reason', () => {
  const paths = ['127.0.0.1:1', '203.0.113.1:1', '203.0.113.2:1', '203.0.113.3:1'].map(directPath);
  const reasons: string[] = [];
  const accepted = acceptCandidates(paths, context, 2, (reason) => reasons.push(reason));
  expect(accepted.map(({ remote }) => remote)).toEqual(['203.0.113.1:1', '203.0.113.2:1']);
  expect(reasons).toEqual(['candidate-loopback', 'candidate-over-limit']);
});
