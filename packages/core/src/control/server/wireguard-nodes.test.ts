import { expect, test } from 'vitest';
import type { Endpoint } from '../../ip/address.js';
import { isZeroKey, zeroKey } from '../../keys/keys.js';
import { formatWireGuardKey } from '../../keys/wireguard-key.js';
import { UNKNOWN_NAT } from '../../netmap/nat-description.js';
import { encodeNat } from '../../netmap/nat-json.js';
import { register } from './register.js';
import type { NodeRecord } from './state.js';
import { withNode, withoutNode } from './state.js';
import { baseDomain, nodeKey } from './test-network.js';
import { Stage } from './test-stage.js';
import { reachableEndpoints, wireguardConfig } from './wireguard-config.js';
import { addWireGuardNode, type WireGuardOrder } from './wireguard-nodes.js';

const PHONE = 90;

function add(stage: Stage, order: Partial<WireGuardOrder> = {}): NodeRecord | string {
  const { network } = stage;
  const [user] = network.state.users.values();
  const added = addWireGuardNode(
    network.state,
    {
      ...{ tailnet: 'home', label: 'phone', nodeKey: nodeKey(PHONE), endpoint: undefined },
      ...{ userId: user?.id ?? 0, tags: [], ...order },
    },
    { baseDomain, random: network.random, wall: network.wall },
  );
  if (typeof added === 'string') return added;
  network.state = added.state;
  stage.publish();
  stage.pass(100);
  return added.node;
}

function added(stage: Stage, order: Partial<WireGuardOrder> = {}): NodeRecord {
  const node = add(stage, order);
  if (typeof node === 'string') throw new Error(node);
  return node;
}

/** Machines 1 and 2, with a stream of machine 1. */
function stageOfTwo(): Stage {
  const stage = new Stage();
  stage.network.join(1);
  stage.network.join(2);
  stage.publish();
  stage.open(1, 1);
  return stage;
}

const config = (stage: Stage, node: NodeRecord): string => {
  const peers = [...stage.sessions.peersOf(node.id, stage.wall)].flatMap(([id, shown]) => {
    const record = stage.network.state.nodes.get(id);
    return record === undefined ? [] : [{ record, shown }];
  });
  return wireguardConfig(node, peers, baseDomain);
};

test('a plain machine reaches the others as one that speaks WireGuard alone', () => {
  const stage = stageOfTwo();
  const phone = added(stage);
  expect(stage.netmap(1, 1).peers.get(phone.id)).toMatchObject({
    ...{ key: nodeKey(PHONE), isWireGuardOnly: true, keepAlive: true, endpoints: [] },
    ...{ name: 'phone.net.example.', discoKey: undefined, homeRegion: undefined },
    ...{ online: undefined, expired: false },
    addresses: [`${phone.addresses.v4}/32`, `${phone.addresses.v6}/128`],
  });
});

test('one with an endpoint is sent to it, and keeps no way open for us', () => {
  const stage = stageOfTwo();
  const endpoint = '203.0.113.7:51820' as Endpoint;
  const router = added(stage, { label: 'router', endpoint });
  const seen = stage.netmap(1, 1).peers.get(router.id);
  expect(seen?.endpoints).toEqual([endpoint]);
  expect(seen?.keepAlive).toBeUndefined();
});

test('it goes as it came', () => {
  const stage = stageOfTwo();
  const phone = added(stage);
  stage.network.state = withoutNode(stage.network.state, phone.id);
  stage.publish();
  stage.pass(100);
  expect(stage.netmap(1, 1).peers.has(phone.id)).toBe(false);
});

test('its key can’t be used to register, not even by a machine whose key is zero', () => {
  const stage = stageOfTwo();
  const { machineKey } = added(stage);
  expect(isZeroKey(machineKey)).toBe(true);
  const request = stage.network.request(PHONE, {});
  for (const context of [
    stage.network.context(1),
    { ...stage.network.context(1), machineKey: zeroKey('machine') },
  ]) {
    expect(register(stage.network.state, request, context).outcome).toBe('foreign-key');
  }
});

test('names and keys are each one machine’s', () => {
  const stage = stageOfTwo();
  added(stage);
  expect(add(stage, { nodeKey: nodeKey(91) })).toBe('taken');
  expect(add(stage, { label: 'phone-2' })).toBe('known-key');
  expect(add(stage, { label: 'phone-2', nodeKey: nodeKey(1) })).toBe('known-key');
  expect(add(stage, { label: 'My Phone', nodeKey: nodeKey(91) })).toBe('invalid');
});

test('its file names who can be met where, and who can’t', () => {
  const stage = stageOfTwo();
  stage.update(1, {
    Endpoints: ['10.0.0.5:41641', '198.51.100.4:41641', '198.51.100.4:7000'],
    EndpointTypes: [1, 2, 3],
  });
  const phone = added(stage);
  const [one, two] = [stage.network.node(1), stage.network.node(2)];
  const text = config(stage, phone);
  expect(text.split('\n')).toEqual([
    '# phone.net.example, for wg-quick. It holds what is known now: when machines come, go or move, print it',
    '# again with `warren control nodes wireguard-config phone`.',
    '[Interface]',
    `# The private key of ${formatWireGuardKey(phone.nodeKey)}; the hub does not know it.`,
    'PrivateKey = ',
    `Address = ${phone.addresses.v4}/32, ${phone.addresses.v6}/128`,
    'MTU = 1280',
    '',
    '# host-1.net.example',
    '[Peer]',
    `PublicKey = ${formatWireGuardKey(one.nodeKey)}`,
    `AllowedIPs = ${one.addresses.v4}/32, ${one.addresses.v6}/128`,
    'Endpoint = 198.51.100.4:7000',
    'PersistentKeepalive = 25',
    '',
    '# Out of reach: no endpoint of these is proven, mapped or configured (--static-endpoint).',
    `#   ${two.label}.net.example`,
    '',
  ]);
});

test('with an endpoint of its own it is met by all, and listens where they look', () => {
  const stage = stageOfTwo();
  const router = added(stage, { endpoint: '203.0.113.7:51820' as Endpoint });
  const text = config(stage, router);
  expect(text).toContain('\nListenPort = 51820\n');
  expect(text).toContain('# host-2.net.example, which comes to us\n');
  expect(text).not.toMatch(/Out of reach|PersistentKeepalive/);
});

test('an endpoint counts when it was proven, mapped, configured or public without a NAT', () => {
  const stage = stageOfTwo();
  const node = stage.network.node(1);
  const at = (text: string, type: number): NodeRecord['endpoints'][number] => ({
    ...{ endpoint: text as Endpoint, type },
  });
  const reachable = ['[2001:db8::5]:41641', '192.0.2.9:41641'] as Endpoint[];
  const told: NodeRecord = {
    ...node,
    hostInfo: { WarrenNat: encodeNat({ ...UNKNOWN_NAT, reachable }) },
    endpoints: [
      ...[at('192.0.2.9:41641', 2), at('192.0.2.9:5000', 2), at('10.0.0.5:41641', 1)],
      ...[at('192.0.2.10:41641', 1), at('[2001:db8::6]:41641', 1), at('192.0.2.11:41641', 5)],
    ],
  };
  stage.network.state = withNode(stage.network.state, told);
  expect(reachableEndpoints(told)).toEqual([
    ...['192.0.2.9:41641', '192.0.2.10:41641', '192.0.2.11:41641', '[2001:db8::5]:41641'],
  ]);
});
