/**
 * What Warren nodes write behind a ping, where official ones put padding and ignore what they find.
 *
 *     0  4  "wrn1"
 *     then fields: u8 type, u8 length, value; a type of 0 or an unknown one is skipped by its length
 *
 *     1  target     18  the endpoint that this ping was sent to: who gets it learns under which of its names it was reached
 *     2  port plan  32  where the sender's next mappings will be; over relays only
 *          0  8   attempt, random, the same in an answer
 *          8  1   flags: 1 the answer to a plan; 2 whoever shares an address that the sender sends to gets through
 *          9  1   kind: 0 list, 1 scatter
 *          10 18  address, and the first port
 *          28 2   i16 step from one port to the next; 1 in a scatter
 *          30 2   u16 number of ports
 *     3  proof      18  that the plan's address is the sender's: u16 relay region, and the token that its STUN server
 *                       gave for the address (stun/address-tokens.ts); over relays only
 *
 * Fields that make no sense are left out of the result, and the ping stays what it is.
 */
import { concatBytes, decodeHex, encodeHex } from '../base/bytes.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import { ADDRESS_BYTES, addressAt, putAddress } from './address-field.js';

const MAGIC = Uint8Array.of(0x77, 0x72, 0x6e, 0x31);
const FIELD_HEADER_BYTES = 2;
const FieldType = { target: 1, portPlan: 2, addressProof: 3 } as const;
const ATTEMPT_BYTES = 8;
const PLAN_BYTES = ATTEMPT_BYTES + 2 + ADDRESS_BYTES + 4;
const ANSWER_FLAG = 1;
const ADDRESS_FLAG = 2;
/** In the order of their numbers. */
const KINDS = ['list', 'scatter'] as const;
const PORT_MAX = 65_535;
const REGION_BYTES = 2;
const REGION_MAX = 0xffff;
const TOKEN_BYTES = 16;

/** Ports that a list may name: what a search may spend on one peer. */
export const planPortsMax = 1500;
/** The first port of what NATs hand out, and of which strangers' services are not. */
export const scatterPortMin = 1024;

/**
 * A list: ports in the order in which the sender's NAT will hand them out, all of which are to be tried. A scatter:
 * a range in which each of the sender's many sockets has a port that nobody can tell.
 */
export interface PortPlan {
  /** 8 bytes as hex. */
  readonly attempt: string;
  readonly isAnswer: boolean;
  readonly kind: 'list' | 'scatter';
  /**
   * The sender's NAT lets in all ports of an address that was sent to, and answers them from the same port: it is
   * enough to guess one of its ports, from whichever.
   */
  readonly isOpenToAddress: boolean;
  /** The public address, and the first port. */
  readonly first: Endpoint;
  readonly step: number;
  /** 1 to {@link planPortsMax}, or to all ports above 1023 in a scatter; the last port is a valid one. */
  readonly count: number;
}

/** A relay's token for the address of the plan beside it. Whoever gets it asks that relay what it is worth. */
export interface AddressProof {
  /** 1 to 65535; a region of a larger number can't be named. */
  readonly regionId: number;
  /** 16 bytes. */
  readonly token: Uint8Array;
}

export interface PingExtension {
  readonly target?: Endpoint;
  readonly portPlan?: PortPlan;
  readonly addressProof?: AddressProof;
}

/** The bytes to put behind a ping; empty for an empty extension. */
export function encodePingExtension(extension: PingExtension): Uint8Array {
  const { target, portPlan, addressProof } = extension;
  const fields: Uint8Array[] = [];
  if (target !== undefined) {
    const value = new Uint8Array(ADDRESS_BYTES);
    putAddress(value, 0, target);
    fields.push(field(FieldType.target, value));
  }
  if (portPlan !== undefined) fields.push(field(FieldType.portPlan, encodePlan(portPlan)));
  if (addressProof !== undefined && addressProof.regionId <= REGION_MAX) {
    fields.push(field(FieldType.addressProof, encodeProof(addressProof)));
  }
  if (fields.length === 0) return new Uint8Array(0);
  return concatBytes(MAGIC, ...fields);
}

/** Reads what stands behind a ping from `at`; padding and nonsense give an empty extension. */
export function decodePingExtension(bytes: Uint8Array, at: number): PingExtension {
  if (!MAGIC.every((byte, index) => bytes[at + index] === byte)) return {};
  let extension: PingExtension = {};
  let position = at + MAGIC.length;
  while (position + FIELD_HEADER_BYTES <= bytes.length) {
    const length = bytes[position + 1] ?? 0;
    const valueAt = position + FIELD_HEADER_BYTES;
    if (valueAt + length > bytes.length) break;
    const type = bytes[position];
    if (type === FieldType.target && length === ADDRESS_BYTES) {
      const target = addressAt(bytes, valueAt);
      if (endpointPort(target) !== 0) extension = { ...extension, target };
    } else if (type === FieldType.portPlan && length === PLAN_BYTES) {
      const portPlan = decodePlan(bytes.subarray(valueAt, valueAt + PLAN_BYTES));
      if (portPlan !== undefined) extension = { ...extension, portPlan };
    } else if (type === FieldType.addressProof && length === REGION_BYTES + TOKEN_BYTES) {
      const addressProof = decodeProof(bytes, valueAt);
      if (addressProof.regionId !== 0) extension = { ...extension, addressProof };
    }
    position = valueAt + length;
  }
  return extension;
}

function field(type: number, value: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(type, value.length), value);
}

function encodeProof({ regionId, token }: AddressProof): Uint8Array {
  return Uint8Array.from([regionId >> 8, regionId & 255, ...token]);
}

function decodeProof(bytes: Uint8Array, at: number): AddressProof {
  const regionId = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const tokenAt = at + REGION_BYTES;
  return { regionId, token: new Uint8Array(bytes.subarray(tokenAt, tokenAt + TOKEN_BYTES)) };
}

function encodePlan(plan: PortPlan): Uint8Array {
  const { attempt, isAnswer, kind, isOpenToAddress, first, step, count } = plan;
  const value = new Uint8Array(PLAN_BYTES);
  value.set(decodeHex(attempt) ?? new Uint8Array(ATTEMPT_BYTES));
  value[ATTEMPT_BYTES] = (isAnswer ? ANSWER_FLAG : 0) | (isOpenToAddress ? ADDRESS_FLAG : 0);
  value[ATTEMPT_BYTES + 1] = KINDS.indexOf(kind);
  putAddress(value, ATTEMPT_BYTES + 2, first);
  const view = new DataView(value.buffer);
  view.setInt16(ATTEMPT_BYTES + 2 + ADDRESS_BYTES, step);
  view.setUint16(ATTEMPT_BYTES + 4 + ADDRESS_BYTES, count);
  return value;
}

function decodePlan(value: Uint8Array): PortPlan | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const flags = view.getUint8(ATTEMPT_BYTES);
  const kind = KINDS[view.getUint8(ATTEMPT_BYTES + 1)];
  const first = addressAt(value, ATTEMPT_BYTES + 2);
  const step = view.getInt16(ATTEMPT_BYTES + 2 + ADDRESS_BYTES);
  const count = view.getUint16(ATTEMPT_BYTES + 4 + ADDRESS_BYTES);
  if (kind === undefined || !isBearable(kind, endpointPort(first), step, count)) return undefined;
  return {
    attempt: encodeHex(value.subarray(0, ATTEMPT_BYTES)),
    isAnswer: (flags & ANSWER_FLAG) !== 0,
    kind,
    isOpenToAddress: (flags & ADDRESS_FLAG) !== 0,
    first,
    step,
    count,
  };
}

function isBearable(kind: PortPlan['kind'], port: number, step: number, count: number): boolean {
  const last = port + step * (count - 1);
  if (count < 1 || port === 0 || last < 1 || last > PORT_MAX) return false;
  if (kind === 'scatter') return step === 1 && port >= scatterPortMin;
  return count <= planPortsMax && (step !== 0 || count === 1);
}
