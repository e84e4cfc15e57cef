/** What a port mapping server knows about the outside: its router's address there, or what it was told to say. */
import type { IpAddress } from '@warren/core/ip/address';
import { prefixContains } from '@warren/core/ip/prefix';
import { cidr, ip } from '../../topology/literals.js';

/** Addresses that nobody on the internet can send to (RFC 6890): with one of them miniupnpd doesn't forward. */
const RESERVED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map(cidr);

/** Said where no address is known. */
export const NO_ADDRESS = ip('0.0.0.0');

export function isReserved(address: IpAddress): boolean {
  return RESERVED.some((prefix) => prefixContains(prefix, address));
}

/** The router's IPv4 address outside; undefined: it has none, or none that is of any use. */
export type Outside = () => IpAddress | undefined;

/** `tells` instead of `own`, and nothing at all where that is reserved. */
export function outsideOf(own: () => IpAddress | undefined, tells: IpAddress | undefined): Outside {
  return () => {
    const address = tells ?? own();
    return address === undefined || isReserved(address) ? undefined : address;
  };
}
