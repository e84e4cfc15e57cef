/** What the policy of a tailnet makes of a node. */
import type { ViewHead } from '../../netmap/diff.js';
import type { WireSshPolicy } from '../../netmap/wire.js';
import type { CompiledPolicy } from '../../policy/compiled-policy.js';
import type { TailnetId } from './state.js';

/** By tailnet; another object is another policy. */
export type Policies = ReadonlyMap<TailnetId, CompiledPolicy>;

/** What a node may do, by name. */
export type Capabilities = Readonly<Record<string, readonly unknown[]>>;

export interface NodeRights {
  /** Who may send what to it. */
  readonly packetFilters: ViewHead['packetFilters'];
  readonly capabilities: Capabilities;
  /** Undefined: the policy says nothing of SSH. */
  readonly sshPolicy: WireSshPolicy | undefined;
}

/** Of a node whose key expired. */
export const NO_RIGHTS: NodeRights = {
  packetFilters: { base: [] },
  capabilities: {},
  sshPolicy: undefined,
};
