/** Which message says which change. */
import { expect, test } from 'vitest';
import { diffViews, fullMapResponse, type MapView } from './diff.js';
import type { WireNode } from './wire.js';

const bare: WireNode = {
  ID: 1,
  StableID: 'n1',
  Name: 'alpha.net.example.',
  User: 1,
  Key: `nodekey:${'a'.repeat(64)}`,
  Addresses: ['100.64.0.1/32'],
  AllowedIPs: ['100.64.0.1/32'],
  Endpoints: ['192.0.2.1:1'],
  HomeDERP: 1,
  Online: true,
};

function viewWith(...peers: WireNode[]): MapView {
  return {
    node: { ...bare, ID: 99, Key: `nodekey:${'f'.repeat(64)}` },
    peers: new Map(peers.map((peer) => [peer.ID, peer])),
    users: new Map(),
    relayMap: { Regions: {} },
    packetFilters: {},
    dnsConfig: {},
    domain: 'net.example',
  };
}

test('light changes travel as patches, others as whole nodes', () => {
  const moved = { ...bare, Endpoints: ['192.0.2.9:9'], HomeDERP: 3 };
  expect(diffViews(viewWith(bare), viewWith(moved))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, DERPRegion: 3, Endpoints: ['192.0.2.9:9'] }],
  });
  const renamed = { ...moved, Name: 'other.' };
  expect(diffViews(viewWith(bare), viewWith(renamed))).toEqual({ PeersChanged: [renamed] });
});

test('what a patch can’t clear travels as a whole node', () => {
  const emptied = { ...bare, Endpoints: [] };
  expect(diffViews(viewWith(bare), viewWith(emptied))).toEqual({ PeersChanged: [emptied] });
});

test('going away tells when; coming back tells no time', () => {
  const away = { ...bare, Online: false, LastSeen: '2026-01-02T03:04:05Z' };
  expect(diffViews(viewWith(bare), viewWith(away))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, Online: false, LastSeen: '2026-01-02T03:04:05Z' }],
  });
  expect(diffViews(viewWith(away), viewWith(bare))).toEqual({
    PeersChangedPatch: [{ NodeID: 1, Online: true }],
  });
});

test('the last peer leaves by removal, never by an empty list', () => {
  expect(diffViews(viewWith(bare), viewWith())).toEqual({ PeersRemoved: [1] });
  expect(fullMapResponse(viewWith())).not.toHaveProperty('Peers');
});
