import { expect, test } from 'vitest';
import { renderDnsQuery, renderDnsStatus } from '../render/dns-report.js';
import { dnsAnswer, dnsStatus, whoisReport } from '../testing/dns.js';
import { knownHosts, splitTarget, sshArguments } from './ssh.js';
import { renderWhois } from './whois.js';

test('DNS for people, section by section', () => {
  expect(renderDnsStatus(dnsStatus)).toEqual([
    'DNS settings of the network: used.',
    "`warren set --accept-dns=false` leaves this system's DNS alone.",
    '',
    '=== From the control server ===',
    'MagicDNS: on (suffix = net.example)',
    'This machine: alpha.net.example',
    'Resolvers, in this order:',
    '  - 9.9.9.9',
    'Split DNS:',
    '  - corp.example -> 10.0.0.53',
    '  - ours.example -> answered here',
    'Search domains:',
    '  - net.example',
    'Extra records:',
    '  - wiki.net.example A 100.64.0.7',
    '',
    '=== On this system ===',
    'The resolver answers on:',
    '  - 100.100.100.100',
    '  - fd7a:115c:a1e0::53',
    'Set by: file',
    'Nameservers:',
    '  - 100.100.100.100',
    'Search domains:',
    '  - net.example',
    'For names under:',
    '  - (all)',
    "The system's own resolvers:",
    '  - 192.0.2.53',
  ]);
  const refused = { ...dnsStatus, acceptDns: false, suffix: null, selfName: null };
  const lines = renderDnsStatus({ ...refused, system: { ...dnsStatus.system, isSet: false } });
  expect(lines[0]).toBe('DNS settings of the network: not used.');
  expect(lines).toContain('Set by: nobody, left as it is');
});

test('an answer, and none', () => {
  expect(renderDnsQuery(dnsAnswer)).toEqual([
    'DNS query for "wiki.net.example" (A), answered by the network itself:',
    'Response code: NOERROR',
    '',
    'Name               TTL  Class  Type  Body',
    'wiki.net.example.  600  IN     A     100.64.0.7',
  ]);
  const none = {
    ...dnsAnswer,
    rcode: 'NXDOMAIN',
    local: false,
    upstreams: ['9.9.9.9'],
    answers: [],
  };
  expect(renderDnsQuery(none)).toEqual([
    'DNS query for "wiki.net.example" (A), answered by resolvers:',
    'Resolvers:',
    '  - 9.9.9.9',
    'Response code: NXDOMAIN',
    'No records.',
  ]);
});

test('text from the network can not steer the terminal', () => {
  const evil = {
    ...dnsAnswer.answers[0],
    name: 'a',
    ttl: 1,
    class: 1,
    type: 'TXT',
    data: '\u001b[2J',
  };
  expect(renderDnsQuery({ ...dnsAnswer, answers: [evil] }).join()).not.toContain('\u001b');
});

test('a machine with an owner, and one with tags', () => {
  expect(renderWhois(whoisReport)).toEqual([
    'Machine:',
    '  Name:          beta.net.example',
    '  ID:            n2',
    '  Addresses:     [100.64.0.2/32 fd7a:115c:a1e0::2/128]',
    '  AllowedIPs:    [100.64.0.2/32 fd7a:115c:a1e0::2/128]',
    'User:',
    '  Name:     ann@net.example',
    '  ID:       1',
  ]);
  const tagged = { ...whoisReport, machine: { ...whoisReport.machine, tags: ['tag:web'] } };
  expect(renderWhois(tagged).at(-1)).toBe('  Tags:          tag:web');
});

test('what ssh is called with', () => {
  expect(splitTarget('ann@beta')).toEqual({ user: 'ann', peer: 'beta' });
  expect(splitTarget('beta')).toEqual({ user: undefined, peer: 'beta' });
  expect(sshArguments(whoisReport, 'ann', undefined, ['uptime'])).toEqual([
    ...['-l', 'ann', '--', '100.64.0.2', 'uptime'],
  ]);
  const pinned = sshArguments(whoisReport, undefined, '/tmp/known', []);
  expect(pinned).toContain('HostKeyAlias=beta.net.example');
  expect(pinned).toContain('StrictHostKeyChecking=yes');
  expect(pinned.slice(-2)).toEqual(['--', '100.64.0.2']);
  expect(knownHosts('beta.net.example', ['ssh-ed25519 AAAA'])).toBe(
    'beta.net.example ssh-ed25519 AAAA\n',
  );
});
