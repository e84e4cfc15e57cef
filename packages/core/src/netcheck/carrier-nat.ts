/** Does a carrier's NAT stand between our router and the internet (RFC 6598, RFC 6888)? Pure. */
import { familyOf, type IpAddress } from '../ip/address.js';
import { isLinkLocal, isOverlay, isPrivate } from '../ip/classes.js';

export interface CarrierNatEvidence {
  readonly localAddresses: readonly IpAddress[];
  /** How the internet sees us, IPv4; undefined: not known. */
  readonly mapped: IpAddress | undefined;
  /** What our router calls its external address; undefined: it wasn't asked, or doesn't say. */
  readonly external: IpAddress | undefined;
}

/** 100.64.0.0/10; those of the tunnel are none of `localAddresses`. */
const isShared = (address: IpAddress): boolean => familyOf(address) === 4 && isOverlay(address);

/** Undefined: nobody knows. A router that tells another public address than the internet sees may lie, or be behind one. */
export function carrierGradeNat(evidence: CarrierNatEvidence): boolean | undefined {
  const { localAddresses, mapped, external } = evidence;
  if (mapped !== undefined && localAddresses.includes(mapped)) return false;
  if (localAddresses.some(isShared)) return true;
  if (external === undefined) return undefined;
  if (isShared(external)) return true;
  if (mapped === undefined) return undefined;
  // Servers on a private network see what no carrier has given out.
  if (external === mapped) return isPrivate(external) ? undefined : false;
  // A private address is another router of the house as well as a carrier's: a second NAT, but whose?
  return isPrivate(external) || isLinkLocal(external) ? undefined : true;
}
