/** The wire from a public place to the internet, as text for `ip -batch`. Pure. */
import type { IpAddress } from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';
import { ofFamily, uplinkCommands6 } from './ipv6.js';
import type { Wire } from './plan.js';

/** The gateway of every public place: its hub's address on that link. */
export const HUB_GATEWAY = '169.254.1.1';

/** Public addresses of a place, and the IPv6 prefix behind it. */
export interface UplinkAddresses {
  readonly addresses: readonly IpAddress[];
  readonly lan: Prefix | undefined;
}

/** Addresses, neighbours and routes of the place at end `a` of an uplink. */
export function uplinkCommands(wire: Wire, place: UplinkAddresses): string[] {
  const { device } = wire.a;
  const own = ofFamily(place.addresses, 4);
  const [source] = own;
  return [
    ...own.map((address) => `addr add ${address}/32 dev ${device}`),
    `link set ${device} up`,
    ...(source === undefined
      ? []
      : [
          `neigh replace ${HUB_GATEWAY} lladdr ${wire.b.mac} dev ${device} nud permanent`,
          `route add ${HUB_GATEWAY} dev ${device} src ${source}`,
          `route add default via ${HUB_GATEWAY} dev ${device} src ${source}`,
        ]),
    ...uplinkCommands6(wire, place.addresses, place.lan),
  ];
}
