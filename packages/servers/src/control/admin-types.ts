/** What operators ask of a control server and what it answers: the JSON of its admin API. */
import type { NodeId } from '@warren/core/control/server/state';

/** A key to make; everything has a default. */
export interface AuthKeyRequest {
  /** Owner of its nodes: a name, or name@domain. */
  readonly user?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly reusable?: boolean | undefined;
  /** Its nodes are deleted half an hour after they went away. */
  readonly ephemeral?: boolean | undefined;
  /** How long it lets nodes in, in milliseconds; null: for ever; default one hour. */
  readonly expiresInMs?: number | null | undefined;
}

/** A key as lists show it: without its secret. */
export interface AuthKeyInfo {
  readonly id: string;
  /** `join`: a machine shows it. `approve`: a person types it on the approval page. */
  readonly purpose: 'join' | 'approve';
  readonly user: string;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly usedAt: string | null;
  /** False: used up, expired or ended. */
  readonly usable: boolean;
}

/** A fresh key with its text, for the one time it is shown. */
export interface CreatedAuthKeyInfo extends AuthKeyInfo {
  readonly key: string;
}

/** A fresh approval code with its text, for the one time it is shown. */
export interface CreatedCodeInfo extends AuthKeyInfo {
  readonly code: string;
}

/** A machine that waits for a person. */
export interface LoginInfo {
  readonly id: string;
  /** The page that its owner was sent to. */
  readonly url: string;
  readonly hostName: string;
  readonly os: string;
  /** Of its node key; the machine shows it too. */
  readonly fingerprint: string;
  /** An address, or the /64 of one. */
  readonly source: string;
  /** That it asks for. */
  readonly tags: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string;
}

/** Prefixes beyond its own addresses that a node leads to. */
export interface RoutesInfo {
  /** By the node. */
  readonly announced: readonly string[];
  /** By an operator. */
  readonly approved: readonly string[];
  /** Announced, and approved by an operator or the policy. */
  readonly served: readonly string[];
  /** Those served that it carries; others serve the rest too, and carry it. Exit routes are not among them. */
  readonly carried: readonly string[];
}

export interface NodeInfo {
  readonly id: NodeId;
  readonly stableId: string;
  readonly name: string;
  /** An operator chose the name; otherwise it follows the host name. */
  readonly nameGiven: boolean;
  readonly hostName: string;
  readonly user: string;
  readonly tags: readonly string[];
  readonly addresses: readonly string[];
  readonly nodeKey: string;
  readonly machineKey: string;
  readonly endpoints: readonly string[];
  readonly homeRegion: number | null;
  readonly routes: RoutesInfo;
  readonly ephemeral: boolean;
  readonly online: boolean;
  readonly expired: boolean;
  readonly createdAt: string;
  readonly lastSeen: string | null;
  readonly keyExpiry: string | null;
}

/** A node's path to a peer, as that node reported it. */
export interface PathInfo {
  readonly from: string;
  readonly to: string;
  /** `unknown`: neither end reports, as stock clients don't. */
  readonly path: 'direct' | 'relay' | 'none' | 'unknown';
  readonly endpoint: string | null;
  readonly region: number | null;
  readonly latencyMs: number | null;
  /** Share of lost pings. */
  readonly loss: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** When it was reported; null: of `unknown`. */
  readonly at: string | null;
}

export interface PathChangeInfo {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly path: 'direct' | 'relay' | 'none';
  readonly endpoint: string | null;
  readonly region: number | null;
  readonly latencyMs: number | null;
}

export interface PathsInfo {
  /** Peers in use, and pairs of which nobody tells. */
  readonly present: readonly PathInfo[];
  /** Oldest first. */
  readonly history: readonly PathChangeInfo[];
}

export interface UserInfo {
  readonly id: number;
  /** `ann@warren.internal`. */
  readonly name: string;
  readonly displayName: string;
  readonly nodes: number;
  /** Those that still let machines in. */
  readonly usableKeys: number;
}

/** What a node is to be: tagged, or somebody's. */
export interface TagRequest {
  /** Empty: it belongs to `user`. */
  readonly tags: readonly string[];
  readonly user?: string | undefined;
}

/** The routes that a node may serve, in place of those before. */
export interface RoutesRequest {
  readonly routes: readonly string[];
}

/** A user to make, or what a user is to be called. */
export interface UserRequest {
  /** A name, or name@domain. */
  readonly name: string;
  readonly displayName?: string | undefined;
}

export interface PolicyProblemInfo {
  /** From 1; null: of the file as a whole. */
  readonly line: number | null;
  readonly column: number | null;
  readonly problem: string;
}

/** How much of what a policy has. */
export interface PolicyCounts {
  readonly rules: number;
  readonly groups: number;
  readonly tags: number;
  readonly sshRules: number;
  readonly tests: number;
}

/** What a file would be as a policy. */
export interface PolicyCheckInfo extends PolicyCounts {
  /** False: the server would refuse it, for its problems. */
  readonly valid: boolean;
  readonly problems: readonly PolicyProblemInfo[];
  /** What is allowed and probably not meant. */
  readonly warnings: readonly string[];
  /** Machines it was tried on; null: on none. */
  readonly nodes: number | null;
  /** Pairs of them that would see each other. */
  readonly pairs: number | null;
}

/** The policy that holds. */
export interface PolicyInfo extends PolicyCounts {
  /** Null: there is no policy, everybody may talk to everybody. */
  readonly file: string | null;
  readonly acceptedAt: string | null;
  /** As its file was written when it was accepted. */
  readonly text: string | null;
  /** Why the file as it is now does not hold; empty: it does. */
  readonly problems: readonly PolicyProblemInfo[];
  readonly warnings: readonly string[];
}
