/**
 * NAT-PMP packets (RFC 6886), integers big-endian.
 *
 *     external address request    0:1 version 0   1:1 opcode 0
 *     external address response   0:1 0   1:1 128   2:2 result   4:4 epoch (s)   8:4 IPv4
 *     map request                 0:1 0   1:1 opcode 1 UDP   2:2 zero   4:2 internal port
 *                                 6:2 suggested external port (0: any)   8:4 lifetime (s), 0: delete
 *     map response                0:1 0   1:1 129   2:2 result   4:4 epoch (s)   8:2 internal port
 *                                 10:2 external port   12:4 lifetime (s)
 *     error response, short       the first 8 bytes alone
 */
import { viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { addressFromBytes, type IpAddress } from '../ip/address.js';

/** Servers of NAT-PMP and PCP listen here on the gateway. */
export const mappingServerPort = 5351;
/** Announcements to 224.0.0.1 come to this port. */
export const mappingClientPort = 5350;

const VERSION = 0;
const OP_EXTERNAL_ADDRESS = 0;
const OP_MAP_UDP = 1;
const RESPONSE_BIT = 128;
const MAP_REQUEST_BYTES = 12;
const SHORT_ERROR_BYTES = 8;
const EXTERNAL_ADDRESS_BYTES = 12;
const MAP_BYTES = 16;

export const NatPmpResult = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorised: 2,
  networkFailure: 3,
  outOfResources: 4,
  unsupportedOpcode: 5,
} as const;

/** For people. */
const RESULT_WORDS: Readonly<Record<number, string>> = {
  1: 'the router speaks another version of NAT-PMP',
  2: 'the router refuses (not authorised)',
  3: 'the router has no connection',
  4: 'the router has no room for a mapping',
  5: 'the router does not map UDP over NAT-PMP',
};

export function natPmpResultWords(result: number): string {
  return RESULT_WORDS[result] ?? `the router answers with NAT-PMP result ${result}`;
}

export type NatPmpResponse =
  | {
      readonly type: 'error';
      readonly opcode: number;
      readonly result: number;
      /** Of a refused mapping; undefined in a short error. */
      readonly internalPort: number | undefined;
    }
  | {
      readonly type: 'external-address';
      readonly epochSeconds: number;
      readonly address: IpAddress;
    }
  | {
      readonly type: 'map';
      readonly epochSeconds: number;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeSeconds: number;
    };

export type NatPmpFailure = 'natpmp-version' | 'natpmp-length' | 'natpmp-opcode';

export function encodeExternalAddressRequest(): Uint8Array {
  return new Uint8Array([VERSION, OP_EXTERNAL_ADDRESS]);
}

export interface NatPmpMapRequest {
  readonly internalPort: number;
  /** 0: any. */
  readonly externalPort: number;
  /** 0: delete. */
  readonly lifetimeSeconds: number;
}

export function encodeNatPmpMap(request: NatPmpMapRequest): Uint8Array {
  const bytes = new Uint8Array(MAP_REQUEST_BYTES);
  const view = viewOf(bytes);
  view.setUint8(1, OP_MAP_UDP);
  view.setUint16(4, request.internalPort);
  view.setUint16(6, request.externalPort);
  view.setUint32(8, request.lifetimeSeconds);
  return bytes;
}

/** Only of UDP: nothing else is ever asked. */
export function decodeNatPmpResponse(
  bytes: Uint8Array,
): NatPmpResponse | DecodeFailure<NatPmpFailure> {
  if (bytes.length < SHORT_ERROR_BYTES) return fail('natpmp-length');
  const view = viewOf(bytes);
  if (view.getUint8(0) !== VERSION) return fail('natpmp-version');
  const opcode = view.getUint8(1) - RESPONSE_BIT;
  const full = { [OP_EXTERNAL_ADDRESS]: EXTERNAL_ADDRESS_BYTES, [OP_MAP_UDP]: MAP_BYTES }[opcode];
  const result = view.getUint16(2);
  const isShort = result !== NatPmpResult.success && bytes.length === SHORT_ERROR_BYTES;
  if (full === undefined) {
    // A server that can't read the request has only its opcode to give back.
    if (opcode < 0 || !isShort) return fail('natpmp-opcode');
  } else if (bytes.length !== full && !isShort) {
    return fail('natpmp-length');
  }
  if (result !== NatPmpResult.success) {
    const internalPort = bytes.length === MAP_BYTES ? view.getUint16(8) : undefined;
    return { type: 'error', opcode, result, internalPort };
  }
  const epochSeconds = view.getUint32(4);
  if (opcode === OP_EXTERNAL_ADDRESS) {
    const address = addressFromBytes(bytes.subarray(8, 12));
    return { type: 'external-address', epochSeconds, address };
  }
  return {
    type: 'map',
    epochSeconds,
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeSeconds: view.getUint32(12),
  };
}

/** True for what a router without PCP answers to a PCP request: version 0, result 1 (RFC 6886 section 3.5). */
export function isNatPmpVersionError(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 8 &&
    bytes[0] === 0 &&
    viewOf(bytes).getUint16(2) === NatPmpResult.unsupportedVersion
  );
}
