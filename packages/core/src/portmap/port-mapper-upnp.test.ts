/** The race with UPnP in it: the port mapper beside a router that speaks all three protocols, or says so. */
import { describe, expect, test } from 'vitest';
import { after, earliest, type Instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import { type Endpoint, endpoint } from '../ip/address.js';
import type { PortMapperInput, PortMapperOutput, PortMapping, RememberedMapping } from './io.js';
import { PortMapper } from './port-mapper.js';
import { FakeRouter, gateway, self, server } from './testing/fake-router.js';
import { InMemoryGateway } from './testing/in-memory-gateway.js';

const internalPort = 41_641;
const minuteMs = 60_000;

class Home {
  readonly router = new FakeRouter();
  readonly igd = new InMemoryGateway({ external: '5.6.7.8' });
  readonly mapper = new PortMapper({ random: new SeededRandom(3) });
  readonly mappingsTold: (readonly PortMapping[])[] = [];
  remembered: readonly RememberedMapping[] = [];
  isReleased = false;
  #now = 0 as Instant;
  #inputs: { readonly at: Instant; readonly input: PortMapperInput }[] = [];

  start(remembered: readonly RememberedMapping[] = []): void {
    this.give({ type: 'remembered', mappings: remembered });
    this.give({ type: 'ports', ipv4: internalPort, ipv6: undefined });
    this.give({ type: 'gateway', gateway, self });
    this.run(2_000);
  }

  give(input: PortMapperInput): void {
    this.mapper.handle(input, this.#now);
    for (let out = this.mapper.poll(); out !== undefined; out = this.mapper.poll()) this.#take(out);
  }

  run(ms: number): void {
    const until = after(this.#now, ms);
    for (;;) {
      this.#inputs.sort((a, b) => a.at - b.at);
      const next = this.#inputs[0];
      const at = earliest(next?.at, this.mapper.nextTimeout());
      if (at === undefined || at > until) break;
      this.#now = at > this.#now ? at : this.#now;
      if (next?.at === at) this.#inputs.shift();
      this.give(next?.at === at ? next.input : { type: 'timeout' });
    }
    this.#now = until;
  }

  #soon(input: PortMapperInput): void {
    this.#inputs.push({ at: after(this.#now, 2), input });
  }

  #take(out: PortMapperOutput): void {
    if (out.type === 'mappings') this.mappingsTold.push(out.mappings);
    else if (out.type === 'remember') this.remembered = out.mappings;
    else if (out.type === 'released') this.isReleased = true;
    else if (out.type === 'send') this.#send(out.target, out.bytes);
    else if (out.type === 'http') {
      const { id } = out.request;
      const answer = this.igd.answer(out.request);
      if (answer === undefined) this.#soon({ type: 'http-failed', id, reason: 'silence' });
      else this.#soon({ type: 'http-answer', id, ...answer });
    }
  }

  #send(target: Endpoint, request: Uint8Array): void {
    if (target === server) {
      const bytes = this.router.answer(request, this.#now);
      if (bytes !== undefined) this.#soon({ type: 'datagram', source: server, bytes });
    } else {
      const source = endpoint(gateway, 1900);
      this.#soon({ type: 'datagram', source, bytes: this.igd.searchAnswer() });
    }
  }
}

describe('UPnP among the three', () => {
  test('maps where the router speaks nothing else', () => {
    const home = new Home();
    home.router.protocols = [];
    home.start();
    expect(home.mapper.mappings).toEqual([
      {
        ...{ protocol: 'upnp', internalPort, external: '5.6.7.8:41641' },
        ...{ isPublic: true, lifetimeMs: 7_200_000 },
      },
    ]);
  });

  test('maps when PCP and NAT-PMP both refuse, and their words are kept', () => {
    const home = new Home();
    home.router.pcpMapResult = 2;
    home.router.natpmpMapResult = 2;
    home.start();
    expect(home.mapper.mappings).toMatchObject([{ protocol: 'upnp' }]);
    expect(home.router.leases.size).toBe(0);
    expect(Object.keys(home.mapper.services.errors).sort()).toEqual(['natpmp', 'pcp']);
  });

  test('stays away from the table of a router that PCP has mapped at', () => {
    const home = new Home();
    home.start();
    expect(home.mapper.mappings).toMatchObject([{ protocol: 'pcp' }]);
    home.run(5 * 60 * minuteMs);
    expect(home.igd.table.size).toBe(0);
    expect(home.mapper.services.upnp).toBe(true);
  });

  test('a refusal is told in words', () => {
    const home = new Home();
    home.router.protocols = [];
    home.igd.options = { instead: (action) => (action === 'AddPortMapping' ? 606 : undefined) };
    home.start();
    expect(home.mapper.mappings).toEqual([]);
    expect(home.mapper.services).toMatchObject({
      upnp: true,
      errors: { upnp: 'the router refuses (606, not authorised)' },
    });
  });

  test('a dead mapping moves once, and a probe in its pause changes nothing', () => {
    const home = new Home();
    home.router.protocols = [];
    home.start();
    for (const _attempt of [1, 2]) {
      const [mapping] = home.mapper.mappings;
      const external = mapping?.external ?? server;
      home.give({ type: 'verified', external, works: false });
      home.run(1_000);
    }
    expect(home.mapper.mappings).toEqual([]);
    home.give({ type: 'probe' });
    home.run(11 * minuteMs);
    expect(home.mapper.mappings).toHaveLength(1);
    expect(home.igd.table.size).toBe(1);
  });

  test('after a crash the mapping is taken up, at the end it is gone', () => {
    const first = new Home();
    first.router.protocols = [];
    first.start();
    const second = new Home();
    second.router.protocols = [];
    for (const [port, entry] of first.igd.table) second.igd.table.set(port, entry);
    second.start(first.remembered);
    expect(second.mapper.mappings).toMatchObject([{ external: '5.6.7.8:41641' }]);
    expect(second.mapper.counters.get('portmap-upnp-taken-up')).toBe(1);
    second.give({ type: 'stop' });
    second.run(1_500);
    expect(second.isReleased).toBe(true);
    expect(second.igd.table.size).toBe(0);
    expect(second.remembered).toEqual([]);
  });

  test('what a router would not delete is remembered for another day', () => {
    const home = new Home();
    home.router.protocols = [];
    home.start();
    home.igd.options = { instead: () => 'silence' };
    home.give({ type: 'stop' });
    home.run(1_500);
    expect(home.isReleased).toBe(true);
    expect(home.remembered).toHaveLength(1);
  });
});
