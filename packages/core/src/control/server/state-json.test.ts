import { expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import { emptyState, withNode } from './state.js';
import { decodeState, encodeState, stateVersion } from './state-json.js';
import { baseDomain, mapRequest, start, TestNetwork } from './test-network.js';
import { applyLiteUpdate } from './update.js';

function network(): TestNetwork {
  const made = new TestNetwork();
  made.join(1);
  made.join(2, { tags: ['tag:server'], ephemeral: true, expiresAt: wallTime(start + 1234) });
  made.authKey({ reusable: true });
  made.state = applyLiteUpdate(made.state, made.node(1), mapRequest(1), baseDomain);
  const seen = { ...made.node(1), lastSeen: start, keyExpiry: wallTime(start + 1) };
  made.state = withNode(made.state, seen);
  return made;
}

test('a state survives a round trip', () => {
  for (const state of [emptyState(), network().state]) {
    expect(decodeState(encodeState(state))).toEqual(state);
  }
});

test('a cut document is damaged at every byte', () => {
  const text = encodeState(network().state).trimEnd();
  for (let length = 0; length < text.length; length++) {
    expect(decodeState(text.slice(0, length))).toBeUndefined();
  }
});

test('a record without one of its fields is damaged, unless the field may be missing', () => {
  const optional = new Set(['discoKey', 'netInfo', 'keyExpiry', 'lastSeen']);
  const text = encodeState(network().state);
  const document = JSON.parse(text) as { nodes: Record<string, unknown>[] };
  for (const field of Object.keys(document.nodes[0] ?? {})) {
    const copy = JSON.parse(text) as typeof document;
    delete copy.nodes[0]?.[field];
    expect([field, decodeState(JSON.stringify(copy)) === undefined]).toEqual([
      field,
      !optional.has(field),
    ]);
  }
});

test('numbers that would be given twice are damage', () => {
  const text = encodeState(network().state);
  expect(decodeState(text.replace('"nextNodeId": 3', '"nextNodeId": 2'))).toBeUndefined();
  expect(decodeState(text.replace('"id": 2', '"id": 1'))).toBeUndefined();
});

test('another version is told apart from damage', () => {
  expect(stateVersion('{"version": 9}')).toBe(9);
  expect(stateVersion('{')).toBeUndefined();
  expect(decodeState('{"version": 9}')).toBeUndefined();
});
