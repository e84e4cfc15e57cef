/** Inputs and outputs of the per-peer path machine. Disco messages come and go decoded; the engine seals. */
import type { Instant } from '../base/instant.js';
import type { DirectPath, Path, RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';

export type PeerPathInput =
  /** The peer's endpoints in the network map, filtered. */
  | { readonly type: 'map-endpoints'; readonly paths: readonly DirectPath[] }
  /** The region through which the peer is reached; undefined: none known. */
  | { readonly type: 'relay'; readonly regionId: RegionId | undefined }
  /** Whether the peer has a disco key, so whether it can be pinged. */
  | { readonly type: 'can-ping'; readonly canPing: boolean }
  /** What was proven is void: `link-changed`, `disco-key-changed`, `socket-closed`. */
  | { readonly type: 'reset'; readonly cause: string }
  /** Our own endpoints changed: tell the peer if we still look for a path. */
  | { readonly type: 'own-endpoints-changed' }
  /** Data is being sent to the peer. */
  | { readonly type: 'sent' }
  /** A person's ping; answered by one `ping-result`. */
  | { readonly type: 'person-ping'; readonly id: number }
  /** A new ping (no duplicate, no replay) came straight from the peer; the engine has answered it. */
  | { readonly type: 'ping-received'; readonly path: DirectPath }
  | {
      readonly type: 'pong-received';
      readonly transactionId: Uint8Array;
      /** How it came. */
      readonly via: Path;
      /** Where the peer saw our ping come from. */
      readonly observed: Endpoint;
      readonly receivedAt: Instant;
    }
  /** The peer's call-me-maybe, filtered. */
  | { readonly type: 'call-me-maybe'; readonly paths: readonly DirectPath[] }
  /** WireGuard data from the peer was authenticated. */
  | { readonly type: 'authenticated'; readonly path: Path }
  /** The operating system refused to send there. */
  | { readonly type: 'unreachable'; readonly path: DirectPath }
  /** The peer left the network: who waits for a pong is told. */
  | { readonly type: 'removed' }
  | { readonly type: 'timeout' };

export type PersonPingResult =
  | { readonly outcome: 'pong'; readonly path: Path; readonly latencyMs: number }
  | { readonly outcome: 'lost'; readonly reason: 'timeout' | 'no-path' };

export type PeerPathOutput =
  | { readonly type: 'ping'; readonly path: Path; readonly transactionId: Uint8Array }
  /** Send our endpoints to the peer over its relay. */
  | { readonly type: 'call-me-maybe' }
  /** Where data goes from now on. */
  | { readonly type: 'paths'; readonly paths: readonly Path[] }
  /** The way people see changed. */
  | {
      readonly type: 'changed';
      readonly from: Path | undefined;
      readonly to: Path | undefined;
      readonly cause: string;
    }
  /** The peer told how our socket looks from its side. */
  | { readonly type: 'observed'; readonly path: DirectPath; readonly observed: Endpoint }
  | { readonly type: 'person-ping-result'; readonly id: number; readonly result: PersonPingResult };
