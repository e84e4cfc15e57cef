/** What a daemon says of DNS and of machines, for tests of commands. */
import type { DnsQueryReport, DnsStatusReport } from '@warren/node/local-api/dns-report';
import type { WhoisReport } from '@warren/node/local-api/whois-report';

export const dnsStatus: DnsStatusReport = {
  acceptDns: true,
  magicDns: true,
  suffix: 'net.example',
  selfName: 'alpha.net.example',
  resolvers: ['9.9.9.9'],
  fallbackResolvers: [],
  routes: { 'corp.example': ['10.0.0.53'], 'ours.example': [] },
  searchDomains: ['net.example'],
  certDomains: [],
  extraRecords: [{ name: 'wiki.net.example', type: 'A', value: '100.64.0.7' }],
  inUse: {
    defaults: ['9.9.9.9'],
    routes: { 'corp.example': ['10.0.0.53'] },
    ownSuffixes: ['net.example', 'ours.example'],
  },
  listening: ['100.100.100.100', 'fd7a:115c:a1e0::53'],
  system: {
    manager: 'file',
    isSet: true,
    nameservers: ['100.100.100.100'],
    searchDomains: ['net.example'],
    matchDomains: null,
    ownResolvers: ['192.0.2.53'],
  },
  cached: 3,
};

export const dnsAnswer: DnsQueryReport = {
  name: 'wiki.net.example',
  type: 'A',
  rcode: 'NOERROR',
  local: true,
  upstreams: [],
  answers: [{ name: 'wiki.net.example', ttl: 600, class: 1, type: 'A', data: '100.64.0.7' }],
};

export const whoisReport: WhoisReport = {
  machine: {
    name: 'beta.net.example',
    id: 'n2',
    hostName: 'beta',
    os: 'linux',
    addresses: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
    allowedIps: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
    tags: [],
    capabilities: [],
    sshHostKeys: [],
    isSelf: false,
  },
  user: { id: 1, loginName: 'ann@net.example', displayName: 'Ann' },
};
