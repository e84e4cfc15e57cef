/**
 * The machine as the data plane sees it: a TUN device by system calls, and UDP sockets, by system calls with offload
 * (offload-io.ts) or of node:dgram (portable-io.ts).
 */
import type { Counters } from '@warren/core/base/counters';
import type { WarrenError } from '@warren/core/base/errors';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import type { DatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import type { PacketBatch, TunSink, UdpSink } from '@warren/core/packet-engine/packet-ports';
import type { DirectWaitOptions } from '../libc/direct-wait.js';
import type { PlaneWorkerData } from './plane-messages.js';

/** A TUN device that is open. */
export interface PlaneTun extends TunSink {
  close(): void;
}

export interface TunEvents {
  /** What the device counts: packets that the kernel refused. */
  readonly counters: Counters;
  /** Packets to send; the batch is reused after the call returns. */
  readonly onPackets: (batch: PacketBatch) => void;
  /** The device is no more: it was deleted, or its descriptor broke. */
  readonly onGone: (error: WarrenError) => void;
}

export interface UdpEvents {
  readonly counters: Counters;
  /** Datagrams of one socket, in memory that may be overwritten; the batch is reused after the call returns. */
  readonly onBatch: (socketId: SocketId, batch: DatagramBatch) => void;
  readonly onOpen: (socketId: SocketId, port: number) => void;
  readonly onFailed: (socketId: SocketId, reason: string) => void;
  readonly onSendFailed: (socketId: SocketId, remote: Endpoint, reason: string) => void;
}

export interface PlaneIo {
  readonly tun: TunSink;
  readonly udp: UdpSink;
  /** How it works here, for the log: one line. */
  readonly description: string;
  /** What was written and sent leaves. Comes after every call of the engine, within the same event. */
  flush(): void;
  /** From now on it waits for packets by itself, as far as it can. Comes once. */
  wait(options: DirectWaitOptions): void;
  close(): void;
}

/** Rejects with a WarrenError when there is no device to be had. */
export type OpenIo = (data: PlaneWorkerData, events: TunEvents & UdpEvents) => Promise<PlaneIo>;
