/**
 * PCP packets (RFC 6887, version 2), integers big-endian; IPv4 addresses as `::ffff:a.b.c.d`.
 *
 *     request header     0:1 version 2   1:1 opcode   2:2 zero     4:4 lifetime (s)         8:16 our address
 *     response header    0:1 version 2   1:1 opcode + 128   2:1 zero   3:1 result
 *                        4:4 lifetime (s; of errors: how long they hold)   8:4 epoch (s)   12:12 zero
 *     MAP, both ways     24:12 nonce   36:1 protocol   37:3 zero   40:2 internal port
 *                        42:2 external port: suggested / assigned   44:16 external address: likewise
 *
 * Opcodes: 0 ANNOUNCE (the header alone), 1 MAP. Options may follow (section 7.3); we send none and skip them.
 */
import { encodeHex, viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { addressBytes16, addressFromBytes, familyOf, type IpAddress } from '../ip/address.js';

export const PCP_VERSION = 2;
export const PCP_NONCE_BYTES = 12;
const OP_ANNOUNCE = 0;
const OP_MAP = 1;
const RESPONSE_BIT = 128;
const PROTOCOL_UDP = 17;
const HEADER_BYTES = 24;
const MAP_BYTES = 60;
/** RFC 6887 section 7: no message is longer. */
const MAX_MESSAGE_BYTES = 1100;

export const PcpResult = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorised: 2,
  malformedRequest: 3,
  unsupportedOpcode: 4,
  unsupportedOption: 5,
  malformedOption: 6,
  networkFailure: 7,
  noResources: 8,
  unsupportedProtocol: 9,
  userOverQuota: 10,
  cannotProvideExternal: 11,
  addressMismatch: 12,
  excessiveRemotePeers: 13,
} as const;

/** For people. */
const RESULT_WORDS: Readonly<Record<number, string>> = {
  1: 'the router speaks another version of PCP',
  2: 'the router refuses (not authorised)',
  3: 'the router calls the request malformed',
  4: 'the router does not map ports over PCP',
  5: 'the router lacks an option',
  6: 'the router calls an option malformed',
  7: 'the router has no connection',
  8: 'the router has no room for a mapping',
  9: 'the router does not map UDP',
  10: 'this machine has too many mappings at the router',
  11: 'the router cannot give that external port',
  12: 'another NAT stands between this machine and the router',
  13: 'the router has too many remote peers',
};

export function pcpResultWords(result: number): string {
  return RESULT_WORDS[result] ?? `the router answers with PCP result ${result}`;
}

export interface PcpMapRequest {
  readonly self: IpAddress;
  /** 12 bytes, the same through a mapping's life. */
  readonly nonce: Uint8Array;
  readonly internalPort: number;
  /** 0: any. */
  readonly externalPort: number;
  /** Undefined: any of our family. */
  readonly externalAddress: IpAddress | undefined;
  /** 0: delete. */
  readonly lifetimeSeconds: number;
}

export interface PcpResponseHeader {
  readonly result: number;
  /** Of an error: how long it holds. */
  readonly lifetimeSeconds: number;
  readonly epochSeconds: number;
}

export type PcpResponse =
  | ({ readonly type: 'announce' } & PcpResponseHeader)
  /** An error to a request that the server can't read; perhaps with the request's bytes behind it. */
  | ({ readonly type: 'error'; readonly opcode: number } & PcpResponseHeader)
  | ({
      readonly type: 'map';
      /** As hex. */
      readonly nonce: string;
      readonly isUdp: boolean;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly externalAddress: IpAddress;
    } & PcpResponseHeader);

export type PcpFailure = 'pcp-version' | 'pcp-length' | 'pcp-opcode';

function encodeHeader(bytes: Uint8Array, opcode: number, self: IpAddress, lifetime: number): void {
  const view = viewOf(bytes);
  view.setUint8(0, PCP_VERSION);
  view.setUint8(1, opcode);
  view.setUint32(4, lifetime);
  bytes.set(addressBytes16(self), 8);
}

export function encodeAnnounce(self: IpAddress): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  encodeHeader(bytes, OP_ANNOUNCE, self, 0);
  return bytes;
}

export function encodePcpMap(request: PcpMapRequest): Uint8Array {
  const bytes = new Uint8Array(MAP_BYTES);
  encodeHeader(bytes, OP_MAP, request.self, request.lifetimeSeconds);
  const view = viewOf(bytes);
  bytes.set(request.nonce, 24);
  view.setUint8(36, PROTOCOL_UDP);
  view.setUint16(40, request.internalPort);
  view.setUint16(42, request.externalPort);
  const any = (familyOf(request.self) === 4 ? '0.0.0.0' : '::') as IpAddress;
  bytes.set(addressBytes16(request.externalAddress ?? any), 44);
  return bytes;
}

export function decodePcpResponse(bytes: Uint8Array): PcpResponse | DecodeFailure<PcpFailure> {
  const { length } = bytes;
  if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES || length % 4 !== 0) {
    return fail('pcp-length');
  }
  const view = viewOf(bytes);
  if (view.getUint8(0) !== PCP_VERSION) return fail('pcp-version');
  const opcode = view.getUint8(1) - RESPONSE_BIT;
  if (opcode < 0) return fail('pcp-opcode');
  const header = {
    result: view.getUint8(3),
    lifetimeSeconds: view.getUint32(4),
    epochSeconds: view.getUint32(8),
  };
  if (opcode === OP_ANNOUNCE) return { type: 'announce', ...header };
  if (opcode !== OP_MAP || length < MAP_BYTES) {
    const isError = header.result !== PcpResult.success;
    if (isError) return { type: 'error', opcode, ...header };
    return fail(opcode === OP_MAP ? 'pcp-length' : 'pcp-opcode');
  }
  return {
    type: 'map',
    ...header,
    nonce: encodeHex(bytes.subarray(24, 36)),
    isUdp: view.getUint8(36) === PROTOCOL_UDP,
    internalPort: view.getUint16(40),
    externalPort: view.getUint16(42),
    externalAddress: addressFromBytes(bytes.subarray(44, 60)),
  };
}

/** True for what a router without NAT-PMP answers to a NAT-PMP request: version 2, result 1 (RFC 6887 section 9). */
export function isPcpVersionError(bytes: Uint8Array): boolean {
  const isResponse = bytes.length >= HEADER_BYTES && (bytes[1] ?? 0) >= RESPONSE_BIT;
  return isResponse && bytes[0] === PCP_VERSION && bytes[3] === PcpResult.unsupportedVersion;
}
