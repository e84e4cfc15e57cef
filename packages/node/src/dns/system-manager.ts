/** Who sets the system's DNS on this machine, as the rest of the node sees it. */
import type { SystemDns } from '@warren/core/dns/dns-config';
import type { Upstream } from '@warren/core/dns/upstream';

export interface SystemDnsManager {
  readonly name: 'file' | 'resolvconf' | 'systemd-resolved';
  /** The system's resolvers without us. */
  systemResolvers(): Promise<readonly Upstream[]>;
  /** Makes it so. Throws with a reason for people. */
  set(dns: SystemDns): Promise<void>;
  /** Whether what was set last still stands; another program may have written over it. */
  isStanding(): boolean;
  /** As it was before us, also when an earlier process of ours left something. */
  restore(): Promise<void>;
}
