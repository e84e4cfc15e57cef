/**
 * The demo's world: four machines in two regions 31 ms apart.
 *
 *     east                                            west
 *      ├─ hub          control + relay, 15 ms away     ├─ relay-west   relay, 15 ms away
 *      ├─ nonat-east   public address, no firewall     ├─ home-west    easy NAT ── easynat-west
 *      └─ home-east    easy NAT ── easynat-east        └─ cloud-west   hard NAT ── hardnat-west
 *
 * The relays' access links make a relayed pair cost at least 30 ms more than the direct path. The addresses
 * look like what cloud providers hand out, because software judges addresses by their looks; the namespaces
 * are sealed, nothing leaves them.
 */

import { assert } from '@warren/core/base/assert';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import type { Topology } from './types.js';

/** One way between the regions: what lies between the east and the west coast of North America. */
export const regionsOneWayMs = 31;

/** One way between a relay and its region. */
export const relayAccessOneWayMs = 15;

/** An address written in the source. */
export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  assert(address, `${text} is no address`);
  return address;
}

/** A prefix written in the source. */
export function cidr(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert(prefix, `${text} is no prefix`);
  return prefix;
}

/** The four machines, two NATed homes, one NATed cloud, a hub and a relay. */
export const fourMachines: Topology = {
  name: 'four-machines',
  regions: [{ name: 'east' }, { name: 'west' }],
  links: [{ between: ['east', 'west'], oneWayMs: regionsOneWayMs }],
  hosts: [
    {
      name: 'hub',
      region: 'east',
      addresses: [ip('3.210.5.10')],
      accessOneWayMs: relayAccessOneWayMs,
    },
    {
      name: 'relay-west',
      region: 'west',
      addresses: [ip('44.230.7.10')],
      accessOneWayMs: relayAccessOneWayMs,
    },
  ],
  networks: [
    {
      name: 'home-east',
      region: 'east',
      addresses: [ip('54.160.20.12')],
      nat: 'easy',
      lan: cidr('192.168.11.0/24'),
    },
    {
      name: 'home-west',
      region: 'west',
      addresses: [ip('34.210.30.13')],
      nat: 'easy',
      lan: cidr('192.168.12.0/24'),
    },
    {
      name: 'cloud-west',
      region: 'west',
      addresses: [ip('52.41.2.13')],
      nat: 'hard',
      lan: cidr('10.0.2.0/24'),
    },
  ],
  machines: [
    {
      name: 'nonat-east',
      at: { kind: 'public', region: 'east', addresses: [ip('52.20.10.11')] },
    },
    {
      name: 'easynat-east',
      at: { kind: 'lan', network: 'home-east', address: ip('192.168.11.10') },
    },
    {
      name: 'easynat-west',
      at: { kind: 'lan', network: 'home-west', address: ip('192.168.12.10') },
    },
    {
      name: 'hardnat-west',
      at: { kind: 'lan', network: 'cloud-west', address: ip('10.0.2.10') },
    },
  ],
};
