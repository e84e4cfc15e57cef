/**
 * What crosses between the daemon's main thread and the worker that runs the PacketEngine, beyond the
 * engines' own messages: starting, ending and failing.
 */
import type { WallTime } from '@warren/core/base/instant';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { SharedBacklog } from './backlog.js';

/** Given to the worker when it starts. */
export interface PlaneWorkerData {
  readonly tunName: string;
  readonly mtuBytes: number;
  /** Before this no handshake may be dated; absent: any time. */
  readonly handshakeFloor?: WallTime;
  /** Packets of `relay-received` on their way down, of `relay-send` on their way up. */
  readonly downBacklog: SharedBacklog;
  readonly upBacklog: SharedBacklog;
}

export type ToPlane =
  | { readonly type: 'down'; readonly messages: readonly DownMessage[] }
  /** Close sockets and the device, then exit. */
  | { readonly type: 'stop' };

export type FromPlane =
  /** The device stands; messages may flow. `description`: how packets move here, in a line. */
  | { readonly type: 'started'; readonly description: string }
  /** The device could not be opened, or went away later. */
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    }
  /** A handshake that begins takes this time. */
  | { readonly type: 'handshake-time'; readonly time: WallTime }
  | { readonly type: 'up'; readonly messages: readonly UpMessage[] };
