/** What the local API says of routes, and how it is asked to change them. */

/** Names as those of `warren set`; what is absent stays. */
export interface RoutesRequest {
  /** Replaces the list; both default routes together mean `advertiseExitNode`. */
  readonly advertiseRoutes?: readonly string[];
  readonly advertiseExitNode?: boolean;
  readonly acceptRoutes?: boolean;
  /** Name, address or stable id of a peer; empty: none. */
  readonly exitNode?: string;
  readonly exitNodeAllowLanAccess?: boolean;
  readonly snatSubnetRoutes?: boolean;
}

export interface RouteReport {
  readonly advertiseRoutes: readonly string[];
  readonly advertiseExitNode: boolean;
  readonly acceptRoutes: boolean;
  /** Stable id where one is known; empty: none. */
  readonly exitNode: string;
  readonly exitNodeAllowLanAccess: boolean;
  readonly snatSubnetRoutes: boolean;
}

/** The exit node that is wanted. While it is not there nothing leaves this machine but what the node itself sends. */
export interface ExitNodeStatus {
  /** As it was asked for: mostly its stable id. */
  readonly wanted: string;
  /** null: the network has no such node, or it is no exit node. */
  readonly name: string | null;
  readonly online: boolean | null;
  /** Families that go through it; the other one is blocked. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}
