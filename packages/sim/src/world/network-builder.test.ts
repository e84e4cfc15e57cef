/** Networks at work: one host (or two) inside, strangers outside, real datagrams between them. */
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { type Endpoint, endpointAddress, endpointPort } from '@warren/core/ip/address';
import { describe, expect, test } from 'vitest';
import { SimClock } from '../clock/sim-clock.js';
import { Trace } from '../clock/trace.js';
import { Host } from '../net/host.js';
import { Internet } from '../net/internet.js';
import type { Plug } from '../net/plug.js';
import { PublicPlug } from '../net/public-plug.js';
import { cidr, ip, socket } from '../topology/literals.js';
import type { Network } from '../topology/types.js';
import { buildNetwork } from './network-builder.js';

const PORT = 5000;
const word = Uint8Array.of(1, 2, 3);

/** A host with an ear at one port. */
class Ear {
  readonly host: Host;
  readonly heard: string[] = [];

  constructor(name: string, plug: Plug, trace: Trace) {
    this.host = new Host(name, plug, trace);
    for (const family of [4, 6] as const) {
      this.host.bind(family, PORT, (source) => this.heard.push(source));
    }
  }

  take(): string[] {
    return this.heard.splice(0);
  }
}

function sceneOf(network: Partial<Network>) {
  const clock = new SimClock();
  const trace = new Trace(clock);
  const random = new SeededRandom(7);
  const internet = new Internet({ clock, trace, random });
  const home: Network = {
    name: 'home',
    region: 'town',
    addresses: [ip('54.1.1.1')],
    nat: 'easy',
    lan: cidr('192.168.1.0/24'),
    ...network,
  };
  const topology = { name: '', regions: [], links: [], hosts: [], machines: [], networks: [home] };
  const site = { clock, trace, random, internet, topology };
  const routers = buildNetwork(site, home, 'plain');
  const outside = (name: string, ...addresses: string[]): Ear => {
    const options = { name, region: 'town', accessMs: 5, addresses: addresses.map(ip) };
    const plug = new PublicPlug({ ...options, ...site, firewalled: false });
    return new Ear(name, plug, trace);
  };
  const inside = (name: string, ...addresses: string[]): Ear =>
    new Ear(name, routers.home.plug(addresses.map(ip)), trace);
  /** Sends and waits; where it seemed to come from, for each that heard it. */
  const say = (from: Ear, to: string, ears: readonly Ear[]): string[] => {
    from.host.send(PORT, socket(to), word);
    clock.run(50);
    return ears.flatMap((ear) => ear.take().map((source) => `${ear.host.name} ${source}`));
  };
  return { ...routers, clock, outside, inside, say, internet };
}

describe('a mapped port', () => {
  const mapped = (network: Partial<Network>) => {
    const scene = sceneOf({ portMapping: true, ...network });
    const host = scene.inside('host', '192.168.1.10');
    const stranger = scene.outside('stranger', '9.9.9.1');
    // NAT-PMP: UDP 5000, wherever it likes, for an hour.
    const request = Uint8Array.of(0, 1, 0, 0, 0x13, 0x88, 0, 0, 0, 0, 14, 16);
    const sent = host.host.send(PORT, socket('192.168.1.1:5351'), request);
    scene.clock.run(50);
    expect(sent && host.take()).toEqual(['192.168.1.1:5351']);
    return { ...scene, host, stranger };
  };

  test('lets strangers in through a hard NAT, and their answers leave from it', () => {
    const { host, stranger, say } = mapped({ nat: 'hard' });
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
    expect(say(host, '9.9.9.1:5000', [stranger])).toEqual(['stranger 54.1.1.1:5000']);
  });

  test('has no part in what the host begins itself: a hard NAT stays hard', () => {
    const { host, stranger, say } = mapped({ nat: 'hard' });
    const [seen = ''] = say(host, '9.9.9.1:5000', [stranger]);
    expect(seen).not.toBe('stranger 54.1.1.1:5000');
  });

  test('shows a stranger under another port whom the host already talks to', () => {
    const { host, stranger, say } = mapped({ nat: 'hard' });
    say(host, '9.9.9.1:5000', [stranger]);
    const [heard = ''] = say(stranger, '54.1.1.1:5000', [host]);
    const seen = heard.replace('host ', '') as Endpoint;
    expect(endpointAddress(seen)).toBe('9.9.9.1');
    expect(endpointPort(seen)).not.toBe(PORT);
    expect(say(host, seen, [stranger])).toEqual(['stranger 54.1.1.1:5000']);
  });

  test('is lost with a reboot, which everybody is told', () => {
    const { home, host, stranger, say, clock } = mapped({});
    const announced: Endpoint[] = [];
    host.host.bind(4, 5350, (source) => announced.push(source));
    home.reboot();
    clock.run(1100);
    expect(announced).toEqual(['192.168.1.1:5351', '192.168.1.1:5351']);
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual([]);
  });

  test('behind a carrier reaches no further than the carrier', () => {
    const carrier = { nat: 'easy', lan: cidr('100.64.0.0/24') } as const;
    const { host, stranger, say, home } = mapped({ carrier });
    expect(home.portMapping?.mappings.target(PORT, instant(0))).toBe('192.168.1.10:5000');
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual([]);
  });

  test('of a dead server is granted and closed', () => {
    const { host, stranger, say } = mapped({
      portMapping: { protocols: ['natpmp'], dead: true },
    });
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual([]);
  });
});

describe('IPv6 in a LAN', () => {
  const lan = cidr('2a02:8109:b511:1::/64');
  const six = '2a02:8109:b511:1::a';

  test('is routed both ways where nothing is in between', () => {
    const { inside, outside, say } = sceneOf({ ipv6: { lan, firewalled: false } });
    const [host, stranger] = [inside('host', '192.168.1.10', six), outside('stranger', '2600::1')];
    expect(say(stranger, `[${six}]:5000`, [host])).toEqual(['host [2600::1]:5000']);
    expect(say(host, '[2600::1]:5000', [stranger])).toEqual([`stranger [${six}]:5000`]);
  });

  test('behind a firewall is reached by whom it has sent to', () => {
    const { inside, outside, say } = sceneOf({ ipv6: { lan, firewalled: true } });
    const [host, stranger] = [inside('host', '192.168.1.10', six), outside('stranger', '2600::1')];
    expect(say(stranger, `[${six}]:5000`, [host])).toEqual([]);
    say(host, '[2600::1]:5000', [stranger]);
    expect(say(stranger, `[${six}]:5000`, [host])).toEqual(['host [2600::1]:5000']);
  });

  test('passes a carrier untouched', () => {
    const carrier = { nat: 'hard', lan: cidr('100.64.0.0/24') } as const;
    const { inside, outside, say } = sceneOf({ carrier, ipv6: { lan, firewalled: false } });
    const [host, stranger] = [inside('host', '192.168.1.10', six), outside('stranger', '2600::1')];
    expect(say(stranger, `[${six}]:5000`, [host])).toEqual(['host [2600::1]:5000']);
  });

  test('is cut with the rest where no UDP passes, and works within the LAN', () => {
    const { inside, outside, say } = sceneOf({
      nat: 'udp-blocked',
      ipv6: { lan, firewalled: false },
    });
    const [host, stranger] = [inside('host', '192.168.1.10', six), outside('stranger', '2600::1')];
    const neighbour = inside('neighbour', '192.168.1.11', '2a02:8109:b511:1::b');
    expect(say(host, '[2600::1]:5000', [stranger])).toEqual([]);
    expect(say(host, '[2a02:8109:b511:1::b]:5000', [neighbour])).toEqual([
      `neighbour [${six}]:5000`,
    ]);
  });
});

describe('a carrier', () => {
  const carrier = (nat: Network['nat']) => ({ nat, lan: cidr('100.64.0.0/24') });

  test('translates what the home router has translated', () => {
    const { inside, outside, say } = sceneOf({ carrier: carrier('easy') });
    const [host, stranger] = [inside('host', '192.168.1.10'), outside('stranger', '9.9.9.1')];
    expect(say(host, '9.9.9.1:5000', [stranger])).toEqual(['stranger 54.1.1.1:5000']);
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
  });

  test('that is hard makes the whole way hard', () => {
    const { inside, outside, say } = sceneOf({ carrier: carrier('hard') });
    const host = inside('host', '192.168.1.10');
    const ears = [outside('a', '9.9.9.1'), outside('b', '9.9.9.2')];
    const seen = ['9.9.9.1:5000', '9.9.9.2:5000'].flatMap((to) => say(host, to, ears));
    const ports = seen.map((line) => line.split(':').at(-1));
    expect(new Set(ports).size).toBe(2);
    expect(seen.every((line) => line.includes('54.1.1.1:'))).toBe(true);
  });

  test('filters, whatever the home router would let in', () => {
    const { inside, outside, say } = sceneOf({ nat: 'full-cone', carrier: carrier('easy') });
    const host = inside('host', '192.168.1.10');
    const [known, stranger] = [outside('known', '9.9.9.1'), outside('stranger', '9.9.9.2')];
    say(host, '9.9.9.1:5000', [known]);
    expect(say(stranger, '54.1.1.1:5000', [host])).toEqual([]);
    expect(say(known, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
  });

  test('turns around what is for its own address, where it does that', () => {
    const { inside, outside, say } = sceneOf({
      nat: 'full-cone',
      carrier: carrier('full-cone'),
      hairpin: true,
    });
    const [host, neighbour] = [inside('host', '192.168.1.10'), inside('other', '192.168.1.11')];
    const server = outside('server', '9.9.9.1');
    say(host, '9.9.9.1:5000', [server]);
    expect(say(neighbour, '54.1.1.1:5000', [host])).toHaveLength(1);
  });

  test('that is restarted takes its state along, and so does a new address', () => {
    const scene = sceneOf({ carrier: carrier('easy') });
    const host = scene.inside('host', '192.168.1.10');
    const stranger = scene.outside('stranger', '9.9.9.1');
    scene.say(host, '9.9.9.1:5000', [stranger]);
    const before = host.host.plug?.epoch ?? 0;
    scene.carrier?.reboot();
    expect(scene.say(stranger, '54.1.1.1:5000', [host])).toEqual([]);
    expect(host.host.plug?.epoch).toBeGreaterThan(before);
    scene.home.renumber(ip('54.1.1.2'));
    expect(scene.say(host, '9.9.9.1:5000', [stranger])).toEqual(['stranger 54.1.1.2:5000']);
  });
});

test('NAT64: a host without IPv4 reaches IPv4 by 64:ff9b::/96, and is answered from there', () => {
  const lan = cidr('2a02:8109:b511:1::/64');
  const { inside, outside, say } = sceneOf({ nat64: true, ipv6: { lan, firewalled: true } });
  const [host, stranger] = [inside('host', '2a02:8109:b511:1::a'), outside('stranger', '9.9.9.1')];
  expect(host.host.send(PORT, socket('9.9.9.1:5000'), word)).toBe(false);
  expect(say(host, '[64:ff9b::909:901]:5000', [stranger])).toEqual(['stranger 54.1.1.1:5000']);
  expect(say(stranger, '54.1.1.1:5000', [host])).toEqual(['host [64:ff9b::909:901]:5000']);
});

test('without NAT64 the prefix leads nowhere', () => {
  const lan = cidr('2a02:8109:b511:1::/64');
  const { inside, outside, say } = sceneOf({ ipv6: { lan, firewalled: false } });
  const [host, stranger] = [
    inside('host', '192.168.1.10', '2a02:8109:b511:1::a'),
    outside('stranger', '9.9.9.1'),
  ];
  expect(say(host, '[64:ff9b::909:901]:5000', [stranger])).toEqual([]);
});

test('an elastic IP lets strangers in before its host has said anything', () => {
  const { inside, outside, say } = sceneOf({ nat: 'one-to-one' });
  const [host, stranger] = [inside('host', '192.168.1.10'), outside('stranger', '9.9.9.1')];
  expect(say(stranger, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
  expect(say(host, '9.9.9.1:5000', [stranger])).toEqual(['stranger 54.1.1.1:5000']);
});

test('an elastic IP is given to another host with all ports, also those of flows that the first one left behind', () => {
  const { inside, outside, say } = sceneOf({ nat: 'one-to-one' });
  const [first, stranger] = [inside('first', '192.168.1.10'), outside('stranger', '9.9.9.1')];
  say(first, '9.9.9.1:5000', [stranger]);
  first.host.plugInto(undefined);
  const second = inside('second', '192.168.1.11');
  expect(say(second, '9.9.9.1:5000', [stranger])).toEqual(['stranger 54.1.1.1:5000']);
  expect(say(stranger, '54.1.1.1:5000', [second])).toEqual(['second 9.9.9.1:5000']);
});

test('hairpin: hosts of a LAN meet at the outer address where the router turns packets around', () => {
  for (const hairpin of [false, true]) {
    const { inside, outside, say } = sceneOf({ nat: 'full-cone', hairpin });
    const [host, neighbour] = [inside('host', '192.168.1.10'), inside('other', '192.168.1.11')];
    const server = outside('server', '9.9.9.1');
    say(host, '9.9.9.1:5000', [server]);
    expect(say(neighbour, '54.1.1.1:5000', [host])).toHaveLength(hairpin ? 1 : 0);
  }
});

test('a datagram of few hops opens the NATs on its way, and dies at the first router that may not pass it on', () => {
  // The home router and the hub; with a carrier one more.
  const carrier = { nat: 'easy', lan: cidr('100.64.0.0/24') } as const;
  for (const routers of [2, 3]) {
    const scene = sceneOf(routers === 3 ? { carrier } : {});
    const [host, peer] = [scene.inside('host', '192.168.1.10'), scene.outside('peer', '9.9.9.1')];
    const send = (hops: number): string[] => {
      host.host.send(PORT, socket('9.9.9.1:5000'), word, { hops });
      scene.clock.run(50);
      return peer.take();
    };
    const answer = (): string[] => scene.say(peer, '54.1.1.1:5000', [host]);
    expect(send(1)).toEqual([]);
    expect(answer()).toEqual([]);
    expect(send(routers)).toEqual([]);
    expect(answer()).toEqual(['host 9.9.9.1:5000']);
    expect(send(routers + 1)).toEqual(['54.1.1.1:5000']);
    peer.host.send(PORT, socket('54.1.1.1:5000'), word, { hops: routers });
    scene.clock.run(50);
    expect(host.take()).toEqual([]);
  }
});

test('who knocks too often is not heard for a minute, not even where he was let in', () => {
  const { inside, outside, say, clock } = sceneOf({ bansAfter: 20 });
  const host = inside('host', '192.168.1.10');
  const [peer, other] = [outside('peer', '9.9.9.1'), outside('other', '9.9.9.2')];
  say(host, '9.9.9.1:5000', [peer]);
  say(host, '9.9.9.2:5000', [other]);
  for (let port = 6000; port < 6020; port++) say(peer, `54.1.1.1:${port}`, []);
  expect(say(peer, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
  for (let port = 6000; port < 6003; port++) say(peer, `54.1.1.1:${port}`, []);
  expect(say(peer, '54.1.1.1:5000', [host])).toEqual([]);
  expect(say(other, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.2:5000']);
  clock.run(61_000);
  say(host, '9.9.9.1:5000', [peer]);
  expect(say(peer, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
});

test('a knock at a time is borne for ever', () => {
  const { inside, outside, say, clock } = sceneOf({ bansAfter: 20, rejects: true });
  const [host, peer] = [inside('host', '192.168.1.10'), outside('peer', '9.9.9.1')];
  for (let port = 6000; port < 6100; port++) {
    say(peer, `54.1.1.1:${port}`, []);
    clock.run(4_000);
  }
  say(host, '9.9.9.1:5000', [peer]);
  expect(say(peer, '54.1.1.1:5000', [host])).toEqual(['host 9.9.9.1:5000']);
});

test('a pool is of all addresses of the network, behind a carrier of the carrier', () => {
  const addresses = ['54.1.1.1', '54.1.1.2', '54.1.1.3', '54.1.1.4'].map(ip);
  const carrier = { nat: 'hard-pool', lan: cidr('100.64.0.0/24') } as const;
  for (const network of [{ nat: 'hard-pool' } as const, { carrier }]) {
    const { inside, outside, say } = sceneOf({ addresses, ...network });
    const host = inside('host', '192.168.1.10');
    const seen = new Set<string>();
    for (let index = 1; index < 60; index++) {
      const peer = outside('peer', `9.9.9.${index}`);
      const [heard = ''] = say(host, `9.9.9.${index}:5000`, [peer]);
      const endpoint = heard.replace('peer ', '');
      seen.add(endpointAddress(socket(endpoint)));
      expect(say(peer, endpoint, [host])).toEqual([`host 9.9.9.${index}:5000`]);
    }
    expect([...seen].sort()).toEqual(addresses);
  }
});
