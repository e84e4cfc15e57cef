/** Every bug that a random world has found, so that it is found again should it come back. */
import { assert } from '@warren/core/base/assert';
import { isDisco } from '@warren/core/disco/classify';
import { endpointAddress } from '@warren/core/ip/address';
import type { Datagram } from '../net/datagram.js';
import { PublicPlug } from '../net/public-plug.js';
import { ip, socket } from '../topology/literals.js';
import { behind, inTheOpen, type Scenario, type Stage, scenario } from './scenario.js';

/** Its firewall forgets everything, and nobody tells it. */
function rebootFirewall({ left, trouble }: Stage): void {
  const { plug } = left.host;
  assert(plug instanceof PublicPlug, 'the left machine has a firewall');
  plug.reboot();
  trouble('hard', [left]);
}

/** Nothing passes directly for a while. */
function cutDirect({ world, left, right, trouble, run }: Stage, ms: number): void {
  const [from, to] = [left.host.plug?.uplink, right.host.plug?.uplink];
  assert(from !== undefined && to !== undefined, 'both are plugged in');
  trouble('soft', [left, right], ms);
  const mend = world.internet.cut(from, to);
  run(ms);
  mend();
}

/** In the next `ms` either of the two hears the other. */
function expectBothHear({ world, run, expect }: Stage, ms: number): void {
  const heard = new Set<string>();
  world.observers.push({ onMessage: (node) => heard.add(node.name) });
  run(ms);
  expect(heard.size === 2, `only ${[...heard].join() || 'nobody'} hears`);
}

export const foundScenarios: readonly Scenario[] = [
  scenario({
    name: 'deaf-home',
    about: 'a firewall forgot the home relay: who only listens there must notice (seed 157)',
    left: behind('firewall'),
    right: behind('udp-blocked'),
    relays: 2,
    // Slower than a relay is dialled: nothing goes the other way meanwhile.
    sayEveryMs: 900,
    path: 'relay',
    steps: (stage) => {
      rebootFirewall(stage);
      stage.run(20_000);
      // In both directions, long before the relay's own silence limit of two minutes.
      expectBothHear(stage, 2_000);
    },
  }),
  scenario({
    name: 'silent-control',
    about:
      'a control connection that died with a firewall is doubted when a relay broke (seed 177)',
    left: behind('firewall'),
    right: behind('easy'),
    path: 'direct',
    steps: (stage) => {
      const { right, trouble, run } = stage;
      rebootFirewall(stage);
      run(12_000);
      // Its new process has a new disco key, of which only control can tell.
      trouble('hard', [right], 1_000);
      right.stop();
      run(1_000);
      right.start();
    },
  }),
  scenario({
    name: 'two-paths',
    about:
      'each end goes on with another of two equal paths: the socket under the other one stays (seed 2336)',
    left: behind('firewall'),
    right: behind('firewall'),
    relays: 2,
    path: 'direct',
    steps: (stage) => {
      // The usual pings are over when it ends, and those of the port search are not.
      cutDirect(stage, 3_000);
      stage.run(6_000);
      stage.hush(true);
      // Longer than a session: both look at all paths again.
      stage.run(55_000);
      stage.hush(false);
    },
  }),
  scenario({
    name: 'idle-link-change',
    about: 'a network that changed and lost no address takes no socket away from the peer',
    left: behind('sequential'),
    right: behind('sequential'),
    relays: 2,
    path: 'direct',
    steps: ({ left, right, run }) => {
      for (const node of [left, right]) {
        node.input({ type: 'link-changed' });
        run(20_000);
      }
    },
  }),
  scenario({
    name: 'late-word',
    about: 'what a dead process said last comes after its successor: it must not count (seed 587)',
    left: inTheOpen,
    right: behind('easy'),
    path: 'direct',
    steps: ({ right, trouble, run }) => {
      const { plug } = right.host;
      // The news that there is no UDP any more waits in the system's queue when the process ends.
      trouble('hard', [right], 15_000);
      right.move(undefined);
      run(10_000);
      right.restart();
      run(5_000);
      right.move(plug);
    },
  }),
  scenario({
    name: 'fresh-disco-key',
    about:
      'control crashes right after a node came back: peers must not be told its old key (seed 2761)',
    left: inTheOpen,
    right: behind('easy'),
    path: 'direct',
    steps: ({ world, left, right, trouble, run, expect }) => {
      trouble('hard', [right], 3_000);
      right.restart();
      world.clock.runUntil(() => right.state === 'Running', 3_000);
      run(500);
      world.control.stop();
      run(2_500);
      const causes: string[] = [];
      world.observers.push({
        onPathChanged: (node, { cause }) => {
          if (node === left) causes.push(cause);
        },
      });
      world.control.start();
      run(15_000);
      expect(!causes.includes('disco-key-changed'), 'the peer was told of another disco key');
    },
  }),
  scenario({
    name: 'dead-hub',
    about:
      'control and the relay that is home to both die for good: they meet at the relay that lives',
    left: behind('hard'),
    right: behind('hard'),
    relays: 2,
    path: 'relay',
    steps: (stage) => {
      const { world, left, right, trouble, run } = stage;
      const [hub] = world.relays;
      trouble('hard', [left, right], 20_000);
      hub?.stop();
      world.control.stop();
      run(25_000);
      expectBothHear(stage, 3_000);
    },
  }),
  scenario({
    name: 'unknown-home',
    about:
      'a NAT forgot all connections before the peer had told its home: it is looked for at ours (seed 26550)',
    left: behind('hard'),
    right: behind('udp-blocked'),
    path: 'relay',
    steps: (stage) => {
      const { left, right, trouble, run, world } = stage;
      trouble('hard', [left, right], 25_000);
      right.stop();
      left.restart();
      run(2_000);
      world.router('net-left').reboot();
      right.start();
      run(28_000);
      expectBothHear(stage, 3_000);
    },
  }),
  scenario({
    name: 'unknown-homes',
    about:
      'control dies before anybody told a home, and the homes are two: they meet all the same (seed 37092)',
    left: behind('hard'),
    right: behind('udp-blocked'),
    relays: 2,
    path: 'relay',
    steps: (stage) => {
      const { world, left, right, trouble, run } = stage;
      trouble('hard', [left, right], 25_000);
      for (const node of [left, right]) node.stop();
      run(2_000);
      for (const node of [left, right]) node.start();
      world.clock.runUntil(() => left.state === 'Running' && right.state === 'Running', 5_000);
      world.control.stop();
      run(20_000);
      expectBothHear(stage, 3_000);
    },
  }),
  scenario({
    name: 'peer-nowhere',
    about:
      'a NAT forgets relay and control while a peer without a known home is away: its return is noticed (seed 38673)',
    left: behind('udp-blocked'),
    right: behind('udp-blocked'),
    path: 'relay',
    // Without UDP it takes longer to know one's home.
    settleMs: 3_000,
    steps: (stage) => {
      const { world, left, right, trouble, run } = stage;
      trouble('hard', [left, right], 11_000);
      right.stop();
      run(8_000);
      world.router('net-left').reboot();
      run(3_000);
      right.start();
      run(15_000);
      expectBothHear(stage, 3_000);
    },
  }),
  scenario({
    name: 'lost-welcome',
    about:
      'a NAT forgets the control connection on which the answer to a registration comes (seed 41787)',
    left: inTheOpen,
    right: behind('easy'),
    path: 'direct',
    steps: ({ world, right, trouble, run, expect }) => {
      trouble('hard', [right], 2_000);
      right.restart();
      const asked = world.clock.runUntil(() => right.control?.openRequests === 1, 2_000);
      expect(asked !== undefined, 'it has not registered');
      world.router('net-right').reboot();
      run(12_000);
      expect(right.state === 'Running', `it is still ${right.state}`);
    },
  }),
  scenario({
    name: 'carried-ping',
    about: 'a ping to a dead address, carried by a stranger to the peer, proves nothing (seed 221)',
    left: inTheOpen,
    right: behind('easy'),
    path: 'direct',
    steps: ({ world, left, right, run, expect }) => {
      const stranger = world.publicPlug(
        'stranger',
        { region: 'east', addresses: [ip('66.66.66.66')] },
        false,
      );
      const dead = socket('192.168.2.10:41641');
      const alive = right.key === undefined ? undefined : left.pathsTo(right.key)[0];
      assert(alive?.kind === 'direct', 'the two have found each other');
      const carry = (datagram: Datagram): void => {
        const isPing = isDisco(datagram.bytes, 0, datagram.bytes.length);
        if (!isPing || datagram.origin !== left.name) return;
        if (endpointAddress(datagram.target) !== endpointAddress(dead)) return;
        carried++;
        const { source, bytes, hops } = datagram;
        world.internet.send(stranger.uplink, {
          source,
          target: alive.remote,
          bytes,
          hops,
          origin: 'stranger',
        });
      };
      let carried = 0;
      world.internet.taps.add(carry);
      // A move makes the left machine ask everywhere again.
      left.move(left.host.plug);
      run(8_000);
      expect(carried > 0, 'the stranger had nothing to carry');
      world.internet.taps.delete(carry);
    },
  }),
];
