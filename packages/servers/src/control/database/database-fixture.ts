/** A server's state with something in every column, for the tests of this folder. */

import { assert } from '@warren/core/base/assert';
import { isFailure } from '@warren/core/base/failure';
import { wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { formatAuthKey } from '@warren/core/control/auth-key';
import { CAP_VERSION } from '@warren/core/control/cap-version';
import { createAuthKey, revokeAuthKey } from '@warren/core/control/server/auth-keys';
import { expireNode, renameNode } from '@warren/core/control/server/node-changes';
import { register } from '@warren/core/control/server/register';
import { decodeMapRequest, decodeRegisterRequest } from '@warren/core/control/server/requests';
import { type ControlState, emptyState, findNode } from '@warren/core/control/server/state';
import { applyLiteUpdate } from '@warren/core/control/server/update';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { MachineKey, NodeKey } from '@warren/core/keys/keys';

const START = wallTime(Date.UTC(2026, 0, 2));
const BASE_DOMAIN = 'net.example';

const hex = (number: number, kind: string): string => kind + number.toString(16).padStart(62, '0');
export const nodeKeyOf = (number: number): NodeKey => hex(number, 'bb') as NodeKey;

/** The state with machine `number`, which reported what real clients do. */
export function withMachine(
  state: ControlState,
  number: number,
  tags: readonly string[] = [],
): ControlState {
  const random = new SeededRandom(number);
  const order = {
    tailnet: 'default',
    loginName: `user${number % 3}@net.example`,
    displayName: `User ${number % 3}`,
    tags,
    reusable: number % 2 === 0,
    ephemeral: false,
    expiresAt: number % 4 === 0 ? wallTime(START + 3_600_000) : undefined,
  };
  const created = createAuthKey(state, order, nobleCrypto, random, START);
  assert(created !== undefined, 'there is room for a key');
  const head = {
    Version: CAP_VERSION,
    NodeKey: `nodekey:${nodeKeyOf(number)}`,
    Hostinfo: {
      OS: 'linux',
      Hostname: `host-${number}`,
      Services: [{ Proto: 'peerapi4', Port: 1234 }],
      NetInfo: { PreferredDERP: 900, DERPLatency: { '900-v4': 0.01 } },
    },
  };
  const asked = decodeRegisterRequest({ ...head, Auth: { AuthKey: formatAuthKey(created.key) } });
  assert(!isFailure(asked), 'the request decodes');
  const joined = register(created.state, asked, {
    machineKey: hex(number, 'aa') as MachineKey,
    baseDomain: BASE_DOMAIN,
    crypto: nobleCrypto,
    random,
    wall: START,
  }).state;
  const update = decodeMapRequest({
    ...head,
    DiscoKey: `discokey:${hex(number, 'cc')}`,
    Endpoints: ['192.0.2.1:41641', '[2001:db8::1]:41641'],
    EndpointTypes: [2, 1],
  });
  const node = findNode(joined, nodeKeyOf(number));
  assert(!isFailure(update) && node !== undefined, 'the machine has joined');
  return applyLiteUpdate(joined, node, update, BASE_DOMAIN);
}

/** `count` machines of three users, one of them tagged, one renamed, one expired; ended keys. */
export function fixtureState(count = 5): ControlState {
  let state = emptyState();
  for (let number = 1; number <= count; number++) {
    state = withMachine(state, number, number === 2 ? ['tag:server'] : []);
  }
  const renamed = renameNode(state, 1, 'printer', BASE_DOMAIN);
  assert(typeof renamed !== 'string', 'the name is free');
  const expired = expireNode(renamed.state, 3, START);
  assert(typeof expired !== 'string', 'the node is there');
  const [key] = expired.state.authKeys.keys();
  return revokeAuthKey(expired.state, key ?? '', START) ?? expired.state;
}
