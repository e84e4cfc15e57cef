/** A small network for the tests of this folder: keys that follow from numbers, machines that join in a line. */
import { assert } from '../../base/assert.js';
import { isFailure } from '../../base/failure.js';
import { type WallTime, wallTime } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import type { DiscoKey, MachineKey, NodeKey } from '../../keys/keys.js';
import { formatApprovalCode } from '../approval-code.js';
import { formatAuthKey } from '../auth-key.js';
import { CAP_VERSION } from '../cap-version.js';
import type { Admitted, MayTag, RegisterContext } from './admission.js';
import { type ApprovalRefusal, type Approver, approveLogin } from './approve-login.js';
import { type AuthKeyOrder, createApprovalCode, createAuthKey } from './auth-keys.js';
import { type RegisterResult, register } from './register.js';
import {
  decodeMapRequest,
  decodeRegisterRequest,
  type MapRequest,
  type RegisterRequest,
} from './requests.js';
import { type ControlState, emptyState, type NodeRecord } from './state.js';

const hex = (number: number, kind: string): string => kind + number.toString(16).padStart(62, '0');

export const machineKey = (number: number): MachineKey => hex(number, 'aa') as MachineKey;
export const nodeKey = (number: number): NodeKey => hex(number, 'bb') as NodeKey;
export const discoKey = (number: number): DiscoKey => hex(number, 'cc') as DiscoKey;

export const baseDomain = 'net.example';

/** The wall time at which every test begins. */
export const start: WallTime = wallTime(Date.UTC(2026, 0, 2));

const ORDER: AuthKeyOrder = {
  tailnet: 'home',
  loginName: 'ann@net.example',
  displayName: 'Ann',
  tags: [],
  reusable: false,
  ephemeral: false,
  expiresAt: undefined,
};

/** One tailnet under one operator, at a wall time that tests move by hand. */
export class TestNetwork {
  readonly random = new SeededRandom(7);
  state: ControlState = emptyState();
  wall: WallTime = start;
  nodeKeyLifeMs: number | undefined;
  mayTag: MayTag | undefined;

  /** A fresh auth key as text. */
  authKey(order: Partial<AuthKeyOrder> = {}): string {
    const whole = { ...ORDER, ...order };
    const created = createAuthKey(this.state, whole, nobleCrypto, this.random, this.wall);
    assert(created !== undefined, 'there is room for a key');
    this.state = created.state;
    return formatAuthKey(created.key);
  }

  /** A fresh approval code as text. */
  approvalCode(order: Partial<AuthKeyOrder> = {}): string {
    const whole = { ...ORDER, ...order };
    const created = createApprovalCode(this.state, whole, nobleCrypto, this.random, this.wall);
    assert(created !== undefined, 'there is room for a code');
    this.state = created.state;
    return formatApprovalCode(created.code);
  }

  /** A register request of machine `machine`, decoded. */
  request(machine: number, request: object): RegisterRequest {
    const decoded = decodeRegisterRequest({
      Version: CAP_VERSION,
      NodeKey: `nodekey:${nodeKey(machine)}`,
      Hostinfo: { OS: 'linux', Hostname: `host-${machine}` },
      ...request,
    });
    assert(!isFailure(decoded), 'a test sends requests that decode');
    return decoded;
  }

  /** One register request as JSON from machine `machine`, whose effect stays. */
  register(machine: number, request: object): RegisterResult {
    const result = register(this.state, this.request(machine, request), this.context(machine));
    this.state = result.state;
    return result;
  }

  /** A person lets in machine `machine`, which waits with `request`; the effect stays. */
  approve(machine: number, request: object, approver: Approver): Admitted | ApprovalRefusal {
    const waiting = this.request(machine, request);
    const result = approveLogin(this.state, waiting, this.context(machine), approver);
    if (!('reason' in result)) this.state = result.state;
    return result;
  }

  context(machine: number): RegisterContext {
    return {
      machineKey: machineKey(machine),
      baseDomain,
      crypto: nobleCrypto,
      random: this.random,
      wall: this.wall,
      nodeKeyLifeMs: this.nodeKeyLifeMs,
      mayTag: this.mayTag,
    };
  }

  /** Joins machine `machine` with a key of its own. */
  join(machine: number, order: Partial<AuthKeyOrder> = {}): NodeRecord {
    this.register(machine, { Auth: { AuthKey: this.authKey(order) } });
    return this.node(machine);
  }

  node(machine: number): NodeRecord {
    const id = this.state.nodeIdByKey.get(nodeKey(machine));
    const node = id === undefined ? undefined : this.state.nodes.get(id);
    assert(node !== undefined, 'the machine has joined');
    return node;
  }
}

/** A map request as JSON, decoded. */
export function mapRequest(machine: number, request: object = {}): MapRequest {
  const decoded = decodeMapRequest({
    Version: CAP_VERSION,
    NodeKey: `nodekey:${nodeKey(machine)}`,
    DiscoKey: `discokey:${discoKey(machine)}`,
    Endpoints: ['192.0.2.1:41641'],
    EndpointTypes: [2],
    Hostinfo: { OS: 'linux', Hostname: `host-${machine}` },
    OmitPeers: true,
    ...request,
  });
  assert(!isFailure(decoded), 'a test sends requests that decode');
  return decoded;
}
