/** IP packets with true headers of TCP, UDP, SCTP and ICMP for tests. Checksums stay 0: no filter reads them. */
import { concatBytes } from '../../base/bytes.js';
import { PROTOCOL } from '../../engines/filter-rule.js';
import { addressBytes, familyOf, type IpAddress } from '../../ip/address.js';

export interface PacketOptions {
  readonly source: string;
  readonly target: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly targetPort?: number;
  /** TCP: default SYN. */
  readonly flags?: number;
  /** ICMP. */
  readonly type?: number;
  /** Of an ICMP echo. */
  readonly id?: number;
  /** Behind the transport's header. */
  readonly payload?: Uint8Array;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** IPv6: extension headers before the transport, as [kind, bytes without the next-header byte]. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
}

const NO_BYTES = new Uint8Array(0);

function transport(options: PacketOptions): Uint8Array {
  const { protocol, sourcePort = 40_000, targetPort = 0, payload = NO_BYTES } = options;
  const header = new Uint8Array({ 6: 20, 17: 8, 132: 12, 1: 8, 58: 8 }[protocol] ?? 0);
  const view = new DataView(header.buffer);
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) {
    view.setUint8(0, options.type ?? (protocol === PROTOCOL.icmp ? 8 : 128));
    view.setUint16(4, options.id ?? 7);
  } else if (header.length > 0) {
    view.setUint16(0, sourcePort);
    view.setUint16(2, targetPort);
  }
  if (protocol === PROTOCOL.tcp) {
    view.setUint8(12, 5 << 4);
    view.setUint8(13, options.flags ?? 2);
  }
  if (protocol === PROTOCOL.udp) view.setUint16(4, header.length + payload.length);
  return concatBytes(header, payload);
}

/** A fragment's bytes are the transport's header and payload all the same; later ones pass `payload` alone. */
export function packet(options: PacketOptions): Uint8Array {
  const { source, target, protocol, fragmentOffset = 0, moreFragments = false } = options;
  const body = fragmentOffset > 0 ? (options.payload ?? NO_BYTES) : transport(options);
  const addresses = [addressBytes(source as IpAddress), addressBytes(target as IpAddress)];
  if (familyOf(source as IpAddress) === 4) {
    const header = new Uint8Array(12);
    const view = new DataView(header.buffer);
    view.setUint8(0, 0x45);
    view.setUint16(2, 20 + body.length);
    view.setUint16(6, (fragmentOffset >> 3) | (moreFragments ? 0x2000 : 0));
    view.setUint8(8, 64);
    view.setUint8(9, protocol);
    return concatBytes(header, ...addresses, body);
  }
  const fragment = new Uint8Array(7);
  new DataView(fragment.buffer).setUint16(1, fragmentOffset | (moreFragments ? 1 : 0));
  const isFragment = fragmentOffset > 0 || moreFragments;
  const chain = [...(options.extensions ?? []), ...(isFragment ? [[44, fragment] as const] : [])];
  const kinds = [...chain.map(([kind]) => kind), protocol];
  const extensions = chain.map(([, bytes], i) =>
    concatBytes(Uint8Array.of(kinds[i + 1] ?? 0), bytes),
  );
  const rest = concatBytes(...extensions, body);
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, rest.length);
  view.setUint8(6, kinds[0] ?? protocol);
  view.setUint8(7, 64);
  return concatBytes(header, ...addresses, rest);
}
