/**
 * The demo's world: seven machines in two regions 31 ms apart.
 *
 *     east                                            west
 *      ├─ hub          control + relay, 15 ms away     ├─ relay-west   relay, 15 ms away
 *      ├─ nonat-east   public address, no firewall     ├─ nonat-west   public address, no firewall
 *      ├─ home-east    easy NAT ── easynat-east        ├─ home-west    easy NAT ── easynat-west
 *      └─ cloud-east   hard NAT ── hardnat-east        ├─ cloud-west   hard NAT ── hardnat-west
 *                                                      └─ lb-west      hard NAT ── hardnat-west-lb
 *                                                          └ a UDP load balancer beside the NAT
 *
 * The relays' access links make a relayed pair cost at least 30 ms more than the direct path. The addresses
 * look like what cloud providers hand out, because software judges addresses by their looks; nothing leaves
 * the world they are in.
 */
import { cidr, ip, socket } from './literals.js';
import type { Topology } from './types.js';

/** One way between the regions: what lies between the east and the west coast of North America. */
export const regionsOneWayMs = 31;

/** One way between a relay and its region. */
export const relayAccessOneWayMs = 15;

/** Three machines of each region behind nothing, an easy and a hard NAT; one behind a load balancer. */
export const sevenMachines: Topology = {
  name: 'seven-machines',
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
      portMapping: true,
    },
    {
      name: 'cloud-east',
      region: 'east',
      addresses: [ip('18.204.9.14')],
      nat: 'hard',
      lan: cidr('10.1.2.0/24'),
    },
    {
      name: 'home-west',
      region: 'west',
      addresses: [ip('34.210.30.13')],
      nat: 'easy',
      lan: cidr('192.168.12.0/24'),
      portMapping: true,
    },
    {
      name: 'cloud-west',
      region: 'west',
      addresses: [ip('52.41.2.13')],
      nat: 'hard',
      lan: cidr('10.0.2.0/24'),
    },
    {
      name: 'lb-west',
      region: 'west',
      addresses: [ip('35.80.4.20'), ip('35.80.4.21')],
      nat: 'hard',
      lan: cidr('10.0.3.0/24'),
      balancers: [{ address: ip('35.80.4.21'), port: 41_641, machine: 'hardnat-west-lb' }],
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
      name: 'hardnat-east',
      at: { kind: 'lan', network: 'cloud-east', address: ip('10.1.2.10') },
    },
    {
      name: 'nonat-west',
      at: { kind: 'public', region: 'west', addresses: [ip('54.200.8.11')] },
    },
    {
      name: 'easynat-west',
      at: { kind: 'lan', network: 'home-west', address: ip('192.168.12.10') },
    },
    {
      name: 'hardnat-west',
      at: { kind: 'lan', network: 'cloud-west', address: ip('10.0.2.10') },
    },
    {
      name: 'hardnat-west-lb',
      at: { kind: 'lan', network: 'lb-west', address: ip('10.0.3.10') },
      staticEndpoints: [socket('35.80.4.21:41641')],
    },
  ],
};
