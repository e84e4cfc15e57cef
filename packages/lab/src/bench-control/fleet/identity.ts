/** Who a simulated client is: everything follows from its number, so that every process of a fleet knows all of them. */
import { createHash } from 'node:crypto';

const hexOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** No server asks for a proof of these two keys, so they need no private halves. */
export const nodeKeyOf = (index: number): string => `nodekey:${hexOf(`node ${index}`)}`;
export const discoKeyOf = (index: number): string => `discokey:${hexOf(`disco ${index}`)}`;

/** 127.0.0.1 is the server's; from 127.1.0.1 on there is an address for each, as a crowd of strangers has. */
export function sourceAddressOf(index: number): string {
  const last = 1 + (index % 250);
  const third = Math.floor(index / 250) % 250;
  return `127.${1 + Math.floor(index / 62_500)}.${third}.${last}`;
}

/** What a client of the Linux kind tells of itself, about as long as a real one's. */
export function hostInfoOf(index: number): object {
  return {
    IPNVersion: '1.98.10-t0000000000000000000000000000000000000000',
    BackendLogID: hexOf(`log ${index}`),
    OS: 'linux',
    OSVersion: '6.1.0-28-amd64',
    Container: false,
    Distro: 'debian',
    DistroVersion: '12.9',
    DistroCodeName: 'bookworm',
    Desktop: false,
    Hostname: `machine-${index}`,
    Machine: 'x86_64',
    GoArch: 'amd64',
    GoVersion: 'go1.26.8',
    Services: [
      { Proto: 'peerapi4', Port: 35_000 + (index % 1000) },
      { Proto: 'peerapi6', Port: 35_000 + (index % 1000) },
    ],
    Userspace: false,
    UserspaceRouter: false,
    NetInfo: {
      MappingVariesByDestIP: false,
      WorkingIPv6: false,
      OSHasIPv6: true,
      WorkingUDP: true,
      HavePortMap: false,
      UPnP: false,
      PMP: false,
      PCP: false,
      PreferredDERP: 999,
      FirewallMode: 'nft-default',
    },
  };
}
