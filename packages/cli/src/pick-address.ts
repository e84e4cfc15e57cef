/**
 * Which of this machine's addresses other machines should be told, when nobody said: the first IPv4 that
 * is neither loopback nor link-local, real interfaces before bridges of containers and before tunnels.
 */
import type { NetworkInterfaceInfo } from 'node:os';

export interface PickedAddress {
  readonly address: string;
  readonly interfaceName: string;
}

/** Bridges of containers and virtual machines, and tunnels: others rarely reach us through them. */
const INNER_INTERFACE =
  /^(docker|br-|veth|virbr|lxc|lxd|cni|flannel|podman|warren|tailscale|wg|tun|tap|zt|utun)/;

/** 100.64.0.0/10: an overlay's or a provider's inside. */
function isSharedSpace(address: string): boolean {
  const [first, second] = address.split('.').map(Number);
  return first === 100 && second !== undefined && second >= 64 && second < 128;
}

/** The address to announce, or undefined when there is none but loopback. */
export function pickAddress(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): PickedAddress | undefined {
  const all: PickedAddress[] = [];
  for (const [interfaceName, infos] of Object.entries(interfaces)) {
    for (const { family, internal, address } of infos ?? []) {
      if (family === 'IPv4' && !internal && !address.startsWith('169.254.')) {
        all.push({ address, interfaceName });
      }
    }
  }
  const outer = all.filter(({ interfaceName }) => !INNER_INTERFACE.test(interfaceName));
  return outer.find(({ address }) => !isSharedSpace(address)) ?? outer[0] ?? all[0];
}
