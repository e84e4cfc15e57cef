/**
 * Inputs and outputs of the control client machine. It owns login, the three loops (register, map poll,
 * lite update), their back-off and the netmap; the shell owns TLS, Noise over the wire and HTTP/2.
 *
 * All requests are `POST path` with a JSON body inside one Noise connection, but for what control asks to fetch.
 */
import type { WallTime } from '../base/instant.js';
import type { JsonObject } from '../base/json.js';
import type { NodeKey, NodePrivateKey } from '../keys/keys.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { NetInfo, OwnEndpoint } from '../netmap/own.js';
import type { PathReport } from '../netmap/path-report.js';
import type { Netmap } from '../netmap/types.js';

export type RequestId = number;

export type ControlClientInput =
  /**
   * Log in; the key is used until the node is registered. `force`: with a new node key also while all is well;
   * the present one serves until control has taken the new one.
   */
  | { readonly type: 'login'; readonly authKey: string | undefined; readonly force?: boolean }
  | { readonly type: 'logout' }
  /** The shell's Noise connection stands (or stands again). */
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected'; readonly reason: string }
  /** The machine has another network: what was out of reach may be reached now. */
  | { readonly type: 'link-changed' }
  /** The whole answer; of a streaming request only when its status is not 200. */
  | {
      readonly type: 'response';
      readonly id: RequestId;
      readonly status: number;
      readonly body: Uint8Array;
      /** What the server asked us to wait (Retry-After); absent: nothing that makes sense. */
      readonly retryAfterMs?: number | undefined;
    }
  /** A piece of a streaming response's body. */
  | { readonly type: 'stream-bytes'; readonly id: RequestId; readonly bytes: Uint8Array }
  | { readonly type: 'request-failed'; readonly id: RequestId; readonly reason: string }
  /** What our host says of itself (control's Hostinfo without NetInfo); unknown fields travel too. */
  | { readonly type: 'host-info'; readonly hostInfo: JsonObject }
  | { readonly type: 'endpoints'; readonly endpoints: readonly OwnEndpoint[] }
  | { readonly type: 'net-info'; readonly netInfo: NetInfo }
  /** What is known of our NAT, for peers of the same kind; may be said as often as one likes. */
  | { readonly type: 'nat-description'; readonly nat: NatDescription }
  /** How we reach the peers in use, for control alone. */
  | { readonly type: 'path-reports'; readonly reports: readonly PathReport[] }
  | { readonly type: 'timeout' };

/** What people see; names as Tailscale's. */
export type LoginState = 'NeedsLogin' | 'NeedsMachineAuth' | 'Starting' | 'Running';

export type ControlClientOutput =
  /**
   * Open the connection (fetch /key, upgrade, Noise); answer `connected` or `disconnected`. Back-off is the
   * machine's. A connection that still stands is dead: close it first, without a `disconnected`.
   */
  | { readonly type: 'connect' }
  | {
      readonly type: 'request';
      readonly id: RequestId;
      readonly path: string;
      /** Absent: POST. HEAD has no body. */
      readonly method?: 'HEAD';
      /** Over a connection of its own to the same server, trusted as ever, in place of the one that stands. */
      readonly outside?: true;
      readonly body: Uint8Array;
      /** True: the response is delivered as `stream-bytes` until it ends with `request-failed`. */
      readonly streaming: boolean;
      readonly timeoutMs: number | undefined;
    }
  | { readonly type: 'cancel'; readonly id: RequestId }
  /** The connection may be dead: ask its other end, and answer `disconnected` when nothing comes back. */
  | { readonly type: 'probe' }
  /** The node key in use from now on; persist it before the next poll. Undefined: logged out, erase it. */
  | { readonly type: 'node-key'; readonly nodeKey: NodePrivateKey | undefined }
  | { readonly type: 'state'; readonly state: LoginState }
  | { readonly type: 'netmap'; readonly netmap: Netmap }
  /** Control's clock, as it has just told it. */
  | { readonly type: 'control-time'; readonly time: WallTime }
  /** Open this in a browser to log in. Always http or https. `nodeKey`: what the page should show. */
  | { readonly type: 'auth-url'; readonly url: string; readonly nodeKey: NodeKey }
  /** Control refused: shown to the person. `fatal`: a person has to act (a wrong auth key, a deleted node). */
  | { readonly type: 'refused'; readonly message: string; readonly fatal: boolean };
