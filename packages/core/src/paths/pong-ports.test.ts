import { describe, expect, test } from 'vitest';
import { type Endpoint, endpoint, endpointAddress, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { HardMemory } from './hard-memory.js';
import type { OwnMapping } from './own-mapping.js';
import { OwnPorts } from './own-ports.js';
import { PongPorts, pongPeersMax } from './pong-ports.js';

const ours = '54.160.20.1' as IpAddress;
const stranger = '203.0.113.9' as IpAddress;
const peerOf = (number: number): NodeKey => number.toString(16).padStart(64, '0') as NodeKey;
const [liar, second] = [peerOf(1), peerOf(2)];
const mapping: OwnMapping = {
  servers: [],
  mapped: endpoint(ours, 40_010),
  ports: 'random',
  rangeEnds: [],
  isOpenToAddress: false,
  mainSocketId: 1,
  openerTtl: 2,
};

function ownPorts(): OwnPorts {
  const memory = new HardMemory({ recall: () => undefined, note: () => undefined });
  const ports = new OwnPorts(() => mapping, memory);
  ports.pongs.setAddresses([ours]);
  return ports;
}

/** What would be told of our ports. */
function told(ports: OwnPorts): { address: IpAddress; first: Endpoint; count: number } {
  const plan = ports.known(peerOf(9), 0)?.ports;
  if (plan === undefined) throw new Error('nothing has to be measured');
  return { address: endpointAddress(plan.first), first: plan.first, count: plan.count };
}

test('ports that peers saw show a small range which servers alone saw too little of', () => {
  const ports = ownPorts();
  ports.note([40_010, 40_100]);
  expect(told(ports).count).toBe(64_512);
  for (const [index, port] of [40_200, 40_050].entries()) {
    ports.pongs.note(peerOf(index), endpoint(ours, port));
  }
  expect(told(ports).count).toBeLessThan(1024);
});

test('two peers that saw us elsewhere show that there is none', () => {
  const ports = ownPorts();
  ports.note([40_010, 40_100, 40_200, 40_050]);
  expect(told(ports).count).toBeLessThan(1024);
  ports.pongs.note(liar, endpoint(ours, 2000));
  expect(told(ports).count).toBeLessThan(1024);
  ports.pongs.note(second, endpoint(ours, 61_000));
  expect(told(ports).count).toBe(64_512);
});

describe('a peer that lies', () => {
  test("about an address that is not ours is not heard, and nothing is ever told but our NAT's address", () => {
    const ports = ownPorts();
    ports.note([40_010, 40_100, 40_200, 40_050]);
    const before = told(ports);
    for (let port = 1; port < 2000; port++) {
      expect(ports.pongs.note(liar, endpoint(stranger, port))).toBe(false);
      expect(ports.pongs.note(second, endpoint(stranger, port))).toBe(false);
    }
    expect(told(ports)).toEqual(before);
    expect(before.address).toBe(ours);
  });

  test('about ports has one word however often it speaks, and alone can not undo a range', () => {
    const ports = ownPorts();
    ports.note([40_010, 40_100, 40_200, 40_050]);
    const before = told(ports);
    for (let port = 1024; port < 3000; port++) ports.pongs.note(liar, endpoint(ours, port));
    expect(told(ports)).toEqual(before);
    // Within the range it adds a single sample.
    for (let port = 40_000; port < 40_300; port++) ports.pongs.note(liar, endpoint(ours, port));
    expect(ports.seen).toHaveLength(5);
  });

  test('makes up nothing where no server saw a port of ours', () => {
    const ports = ownPorts();
    for (let i = 0; i < 4; i++) ports.pongs.note(peerOf(i), endpoint(ours, 40_000 + i));
    expect(told(ports).count).toBe(64_512);
  });
});

test('of many peers the latest are remembered, and in another network, or of peers that left, nothing is', () => {
  const pongs = new PongPorts();
  pongs.setAddresses([ours]);
  for (let i = 0; i < 3 * pongPeersMax; i++) pongs.note(peerOf(i), endpoint(ours, 40_000 + i));
  const seen = pongs.beside([40_000]);
  expect(seen).toHaveLength(pongPeersMax);
  expect(Math.min(...seen)).toBe(40_000 + 2 * pongPeersMax);
  pongs.forget(peerOf(3 * pongPeersMax - 1));
  expect(pongs.beside([40_000])).toHaveLength(pongPeersMax - 1);
  pongs.clear();
  expect(pongs.note(peerOf(1), endpoint(ours, 40_001))).toBe(false);
  expect(pongs.beside([40_000])).toEqual([]);
});
