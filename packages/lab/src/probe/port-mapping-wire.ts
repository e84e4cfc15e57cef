/**
 * The questions of the three port mapping protocols, byte by byte and apart from the product's own: the lab
 * must not learn from it what a router answers.
 *
 *     NAT-PMP (RFC 6886 §3)  external address: 0 0            map: 0 1 0 0 | in 2 | out 2 | lifetime 4
 *     PCP (RFC 6887 §7, 11)  0:1 version 2  1:1 opcode 1 = MAP  4:4 lifetime  8:16 client
 *                            24:12 nonce  36:1 protocol 17  40:2 in  42:2 out  44:16 outside address
 *     SSDP (UPnP DA 1.1)     M-SEARCH, by unicast to the router
 */

/** Where NAT-PMP and PCP are asked. */
export const MAPPING_PORT = 5351;
export const SSDP_PORT = 1900;

/** What a mapping is about. */
export interface MapWish {
  /** Address of who asks. */
  readonly client: string;
  readonly internalPort: number;
  readonly externalPort: number;
}

/** Seconds; long enough for any test. */
const LIFETIME_SECONDS = 3600;

const PCP_MAP_BYTES = 60;
const UDP = 17;

/** The prefix of an IPv4 address inside 16 bytes. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** An address as PCP writes it. */
function sixteen(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from([...MAPPED, ...address.split('.').map(Number)]);
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const bytes = Buffer.alloc(16);
  for (const [at, group] of groups(head).entries()) bytes.writeUInt16BE(group, 2 * at);
  const last = groups(tail);
  for (const [at, group] of last.entries()) bytes.writeUInt16BE(group, 16 - 2 * (last.length - at));
  return bytes;
}

export function encodeNatpmpMap({ internalPort, externalPort }: MapWish): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[1] = 1;
  bytes.writeUInt16BE(internalPort, 4);
  bytes.writeUInt16BE(externalPort, 6);
  bytes.writeUInt32BE(LIFETIME_SECONDS, 8);
  return bytes;
}

export function encodePcpMap({ client, internalPort, externalPort }: MapWish): Buffer {
  const bytes = Buffer.alloc(PCP_MAP_BYTES);
  bytes[0] = 2;
  bytes[1] = 1;
  bytes.writeUInt32BE(LIFETIME_SECONDS, 4);
  sixteen(client).copy(bytes, 8);
  Buffer.from('warren-probe').copy(bytes, 24);
  bytes[36] = UDP;
  bytes.writeUInt16BE(internalPort, 40);
  bytes.writeUInt16BE(externalPort, 42);
  // Any address will do.
  sixteen(client.includes(':') ? '::' : '0.0.0.0').copy(bytes, 44);
  return bytes;
}

export function encodeSearch(router: string): Buffer {
  const type = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
  const lines = ['M-SEARCH * HTTP/1.1', `HOST: ${router}:${SSDP_PORT}`, `ST: ${type}`];
  return Buffer.from([...lines, 'MAN: "ssdp:discover"', 'MX: 1', '', ''].join('\r\n'));
}

/** What a router said to a wish. Result 0 is success. */
export interface MapAnswer {
  readonly result: number;
  /** Absent with NAT-PMP, which tells it apart from the mapping; of IPv6 as 32 hex digits. */
  readonly externalAddress?: string;
  readonly externalPort: number;
  readonly epochSeconds: number;
}

function dotted(bytes: Buffer): string {
  return [...bytes].join('.');
}

/** undefined: this is no answer to a map request of NAT-PMP. */
export function decodeNatpmpMap(bytes: Buffer): MapAnswer | undefined {
  if (bytes.length !== 16 || bytes[0] !== 0 || bytes[1] !== 129) return undefined;
  return {
    result: bytes.readUInt16BE(2),
    externalPort: bytes.readUInt16BE(10),
    epochSeconds: bytes.readUInt32BE(4),
  };
}

/** undefined: this is no answer to a map request of PCP. */
export function decodePcpMap(bytes: Buffer): MapAnswer | undefined {
  if (bytes.length < PCP_MAP_BYTES || bytes[0] !== 2 || bytes[1] !== 129) return undefined;
  return {
    result: bytes[3] ?? 0,
    externalAddress: MAPPED.every((byte, at) => bytes[44 + at] === byte)
      ? dotted(bytes.subarray(56, 60))
      : bytes.subarray(44, 60).toString('hex'),
    externalPort: bytes.readUInt16BE(42),
    epochSeconds: bytes.readUInt32BE(8),
  };
}

/** The address that a router told by NAT-PMP. */
export function decodeNatpmpAddress(bytes: Buffer): string | undefined {
  if (bytes.length !== 12 || bytes[0] !== 0 || bytes[1] !== 128) return undefined;
  return bytes.readUInt16BE(2) === 0 ? dotted(bytes.subarray(8, 12)) : undefined;
}

/** Where a router's description is, from its answer to a search. */
export function decodeLocation(bytes: Buffer): string | undefined {
  return /^location:\s*(\S+)/im.exec(bytes.toString('latin1'))?.[1];
}
