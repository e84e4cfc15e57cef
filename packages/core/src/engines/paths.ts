/** A way to a peer, as both engines name it. */
import type { Endpoint } from '../ip/address.js';

/** A UDP socket that the PacketEngine owns; the PathEngine chooses the number when it opens one. */
export type SocketId = number;

/** A relay region of the DERP map. */
export type RegionId = number;

/** Straight UDP from one of our sockets to one address of the peer. */
export interface DirectPath {
  readonly kind: 'direct';
  readonly socketId: SocketId;
  readonly remote: Endpoint;
}

/** Through the relay of `regionId`, addressed by the peer's node key. */
export interface RelayPath {
  readonly kind: 'relay';
  readonly regionId: RegionId;
}

/** A path is `{socketId, remote}` or a relay; peer-relay paths add a `vni` when they come. */
export type Path = DirectPath | RelayPath;

/** Same way, field by field. */
export function samePath(a: Path, b: Path): boolean {
  if (a.kind === 'direct') {
    return b.kind === 'direct' && a.socketId === b.socketId && a.remote === b.remote;
  }
  return b.kind === 'relay' && a.regionId === b.regionId;
}

/** Same ways in the same order. */
export function samePaths(a: readonly Path[], b: readonly Path[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((path, index) => {
    const other = b[index];
    return other !== undefined && samePath(path, other);
  });
}

/** One line for logs and status: `203.0.113.9:41641` or `relay(900)`. */
export function formatPath(path: Path): string {
  return path.kind === 'direct' ? path.remote : `relay(${path.regionId})`;
}
