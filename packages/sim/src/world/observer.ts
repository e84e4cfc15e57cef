/** Who wants to know what happens in a world: checkers, applications, reports. Every part is optional. */
import type { DownMessage } from '@warren/core/engines/messages';
import type { NodeKey } from '@warren/core/keys/keys';
import type { PathChange, PingResult } from '@warren/core/path-engine/io';
import type { Datagram } from '../net/datagram.js';
import type { SimNode } from '../node/sim-node.js';
import type { Message } from '../traffic/message.js';

export interface Observer {
  /** A machine's operating system sends a message into the mesh. */
  onSaid?(message: Message): void;
  /** A datagram reached a machine. */
  onDatagram?(receiver: SimNode, datagram: Datagram): void;
  /** A node gave a packet of the mesh to its operating system; `message` undefined: it is none of ours. */
  onMessage?(node: SimNode, message: Message | undefined, packet: Uint8Array): void;
  onDown?(node: SimNode, message: DownMessage): void;
  onPathChanged?(node: SimNode, change: PathChange): void;
  onPingResult?(node: SimNode, id: number, peer: NodeKey, result: PingResult): void;
}
