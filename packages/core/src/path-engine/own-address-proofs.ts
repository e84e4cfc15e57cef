/**
 * What shows peers that our public addresses are ours: the tokens that relays' STUN servers gave in the last network
 * checks (stun/address-tokens.ts). Checks repeat while there are peers, so a token is mostly seconds old.
 */
import { after, type Instant } from '../base/instant.js';
import { RecentMap } from '../base/recent-map.js';
import type { AddressProof } from '../disco/ping-extension.js';
import type { RegionId } from '../engines/paths.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import type { NetcheckReport } from '../netcheck/report.js';
import { addressTokenValidMs } from '../stun/address-tokens.js';

/** A peer needs some seconds for it; a minute is for clocks that don't run alike. */
const usableMs = addressTokenValidMs - 60_000;
/** A NAT that gives us more public addresses than this has no use for proofs. */
const addressesMax = 8;

interface OwnProof extends AddressProof {
  readonly until: Instant;
}

export class OwnAddressProofs {
  /** The latest of each address; in the order of their coming. */
  readonly #proofs = new RecentMap<IpAddress, OwnProof>(addressesMax);

  /** Home's token is preferred: whoever sends to us through home is connected to it already. */
  report({ observations, homeRegion, startedAt }: NetcheckReport): void {
    const until = after(startedAt, usableMs);
    const ofHome = observations.filter(({ regionId }) => regionId === homeRegion);
    const others = observations.filter(({ regionId }) => regionId !== homeRegion);
    const fresh = new Map<IpAddress, OwnProof>();
    for (const { mapped, regionId, addressToken } of [...ofHome, ...others]) {
      const address = endpointAddress(mapped);
      if (addressToken === undefined || fresh.has(address)) continue;
      fresh.set(address, { regionId, token: addressToken, until });
    }
    for (const [address, proof] of fresh) this.#proofs.set(address, proof);
  }

  /** A token that came beside the checks. */
  add(address: IpAddress, regionId: RegionId, token: Uint8Array, now: Instant): void {
    this.#proofs.set(address, { regionId, token, until: after(now, usableMs) });
  }

  /** Undefined: no relay of ours gave a token for the address lately. */
  of(address: IpAddress, now: Instant): AddressProof | undefined {
    const proof = this.#proofs.get(address);
    if (proof === undefined || now >= proof.until) return undefined;
    return { regionId: proof.regionId, token: proof.token };
  }

  networkChanged(): void {
    this.#proofs.clear();
  }
}
