/** Scenarios with names: pairs of NATs whose outcome is known, and the bugs that were found (found-scenarios.ts). */
import { foundScenarios } from './found-scenarios.js';
import { behind, inTheOpen, type Scenario, scenario } from './scenario.js';

const pairs: readonly Scenario[] = [
  scenario({
    name: 'easy-easy',
    about: 'two home routers: punched',
    left: behind('easy'),
    right: behind('easy'),
    path: 'direct',
  }),
  scenario({
    name: 'easy-hard',
    about: 'a home router and a cloud NAT: only the relay, without guessing ports',
    left: behind('easy'),
    right: behind('hard'),
    path: 'relay',
  }),
  scenario({
    name: 'open-hard',
    about: 'a public address makes the path for a cloud NAT',
    left: inTheOpen,
    right: behind('hard'),
    path: 'direct',
  }),
  scenario({
    name: 'restricted-cone-hard',
    about: 'a router that filters by address only lets a hard NAT through',
    left: behind('restricted-cone'),
    right: behind('hard'),
    path: 'direct',
  }),
  scenario({
    name: 'firewall-easy',
    about: 'a stateful firewall on a public address is as good as an easy NAT',
    left: behind('firewall'),
    right: behind('easy'),
    path: 'direct',
  }),
  scenario({
    name: 'sequential-easy',
    about: 'the next ports of a NAT that counts are foretold',
    left: behind('sequential'),
    right: behind('easy'),
    relays: 2,
    path: 'direct',
  }),
  scenario({
    name: 'sequential-sequential',
    about: 'two NATs that count meet when both sides ping the foretold ports in the same order',
    left: behind('sequential'),
    right: behind('sequential'),
    relays: 2,
    path: 'direct',
  }),
  scenario({
    name: 'small-range-easy',
    about: 'a NAT that chooses at random among few ports is found by trying them all',
    left: behind('hard-range'),
    right: behind('easy'),
    relays: 2,
    path: 'direct',
  }),
  scenario({
    name: 'small-ranges',
    about: 'few ports on both sides are few enough',
    left: behind('hard-range'),
    right: behind('hard-range'),
    relays: 2,
    path: 'direct',
  }),
  scenario({
    name: 'sequential-small-range',
    about: 'a NAT that counts and one with few ports: the middle of the range comes first',
    left: behind('sequential'),
    right: behind('hard-range'),
    relays: 2,
    path: 'direct',
  }),
  scenario({
    name: 'udp-blocked-open',
    about: 'a network without UDP has the relay',
    left: behind('udp-blocked'),
    right: inTheOpen,
    path: 'relay',
  }),
];

export const scenarios: readonly Scenario[] = [...pairs, ...foundScenarios];
