/**
 * What the resolver answers out of its own knowledge.
 *
 *     *.onion ............................................. no such name (RFC 7686)
 *     the service's own name, its address backwards ....... answered
 *     a name of the network: A, AAAA, ANY ................. its addresses
 *                            NS, SOA, AXFR, HINFO ......... not implemented
 *                            other types .................. no records
 *     an address of the network backwards: PTR, ANY ....... its name
 *     other names under a suffix of the network ........... no such name, never forwarded
 *     everything else ..................................... undefined: ask resolvers
 *
 * Source: what stock clients of this protocol answer.
 */
import { addressBytes, familyOf, type IpAddress } from '../ip/address.js';
import type { OwnAnswer, OwnRecord } from './encode.js';
import { type DnsQuestion, RCODE, TYPE } from './message.js';
import { addressOfReverse, type DnsName, encodeName, isWithin, knownSuffix } from './name.js';
import type { NodeNames } from './node-names.js';
import { SERVICE_ADDRESSES } from './upstream.js';

/** Ten minutes, as stock clients have it: names move with the netmap, clients ask again soon enough. */
const NAME_TTL_S = 600;
const ONION = 'onion' as DnsName;
/** What the resolver calls itself. */
const SERVICE_NAME = 'magicdns.localhost-tailscale-daemon' as DnsName;

/** Types that belong to whole zones, which there are none of here. */
const ZONE_TYPES: ReadonlySet<number> = new Set([TYPE.ns, TYPE.soa, TYPE.axfr, TYPE.hinfo]);

/** What is known here. */
export interface LocalKnowledge {
  readonly names: NodeNames;
  /** What is not known under these does not exist. */
  readonly suffixes: ReadonlySet<DnsName>;
  /** Suffixes with resolvers of their own, which win over a shorter one of ours. */
  readonly isRouted: (name: DnsName) => boolean;
}

const own = (rcode: number, records: readonly OwnRecord[] = []): OwnAnswer => ({
  rcode,
  authoritative: true,
  records,
});

function addressRecords(addresses: readonly IpAddress[], type: number): readonly OwnRecord[] {
  return addresses.flatMap((address) => {
    const recordType = familyOf(address) === 4 ? TYPE.a : TYPE.aaaa;
    if (type !== recordType && type !== TYPE.any) return [];
    return [{ type: recordType, ttlS: NAME_TTL_S, data: addressBytes(address) }];
  });
}

function answerName(addresses: readonly IpAddress[], type: number): OwnAnswer {
  if (ZONE_TYPES.has(type)) return own(RCODE.notImplemented);
  return own(RCODE.noError, addressRecords(addresses, type));
}

function answerReverse(name: DnsName, type: number): OwnAnswer {
  if (ZONE_TYPES.has(type)) return own(RCODE.notImplemented);
  const isAsked = type === TYPE.ptr || type === TYPE.any;
  const record = { type: TYPE.ptr, ttlS: NAME_TTL_S, data: encodeName(name) };
  return own(RCODE.noError, isAsked ? [record] : []);
}

/** The answer, or undefined when resolvers are to be asked. */
export function answerLocally(
  { names, suffixes, isRouted }: LocalKnowledge,
  { name, type }: DnsQuestion,
): OwnAnswer | undefined {
  if (isWithin(name, ONION)) return own(RCODE.nameError);
  if (name === SERVICE_NAME) return answerName(SERVICE_ADDRESSES, type);
  const addresses = names.addressesOf(name);
  if (addresses !== undefined) return answerName(addresses, type);
  const reversed = addressOfReverse(name);
  if (reversed !== undefined) {
    const isService = SERVICE_ADDRESSES.includes(reversed);
    const known = isService ? SERVICE_NAME : names.nameOf(reversed);
    if (known !== undefined) return answerReverse(known, type);
  }
  return knownSuffix(suffixes, name) === undefined || isRouted(name)
    ? undefined
    : own(RCODE.nameError);
}
