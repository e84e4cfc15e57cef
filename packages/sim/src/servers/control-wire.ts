/**
 * What crosses a control connection of the simulator: the requests and answers of the machine API with their
 * true JSON bodies, without the Noise and HTTP/2 around them.
 */
import type { RequestId } from '@warren/core/control/io';
import type { MachineKey } from '@warren/core/keys/keys';
import type { StreamEnd, StreamServer } from '../net/stream.js';

export type ToControl =
  /** The machine key that Noise would have proved. */
  | { readonly type: 'hello'; readonly machineKey: MachineKey }
  | {
      readonly type: 'request';
      readonly id: RequestId;
      readonly path: string;
      readonly body: Uint8Array;
    }
  | { readonly type: 'cancel'; readonly id: RequestId }
  | { readonly type: 'ping' };

export type FromControl =
  | {
      readonly type: 'response';
      readonly id: RequestId;
      readonly status: number;
      readonly body: Uint8Array;
    }
  | { readonly type: 'bytes'; readonly id: RequestId; readonly bytes: Uint8Array }
  /** The end of a stream. */
  | { readonly type: 'end'; readonly id: RequestId }
  | { readonly type: 'pong' };

export type ControlClientEnd = StreamEnd<FromControl, ToControl>;
export type ControlServerEnd = StreamEnd<ToControl, FromControl>;
export type ControlStreamServer = StreamServer<ToControl, FromControl>;

/** Frame headers of HTTP/2 and Noise, about. */
const HEADER_BYTES = 50;

export function wireBytes(message: ToControl | FromControl): number {
  if ('body' in message) return HEADER_BYTES + message.body.length;
  if ('bytes' in message) return HEADER_BYTES + message.bytes.length;
  return HEADER_BYTES;
}
