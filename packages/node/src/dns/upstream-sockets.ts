/**
 * Conversations with resolvers: a socket each, connected to the resolver it speaks to, on a port that the system
 * draws. So a stranger's answer doesn't arrive at all, and one who guesses has to guess port and id together
 * (RFC 5452 section 9). Over HTTPS nobody is asked: finding that server's address would need DNS first.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket as TcpSocket } from 'node:net';
import type { ExchangeId, ResolverOutput } from '@warren/core/dns/io';
import { endpointAddress, endpointPort, familyOf } from '@warren/core/ip/address';
import { FrameReader, frameMessage } from './tcp-frames.js';

export interface UpstreamEvents {
  readonly onAnswer: (exchange: ExchangeId, bytes: Uint8Array) => void;
  readonly onFailed: (exchange: ExchangeId, reason: string) => void;
}

type Ask = Extract<ResolverOutput, { type: 'ask' }>;

interface Conversation {
  send(bytes: Uint8Array): void;
  close(): void;
}

export class UpstreamSockets {
  readonly #events: UpstreamEvents;
  readonly #open = new Map<ExchangeId, Conversation>();

  constructor(events: UpstreamEvents) {
    this.#events = events;
  }

  /** Asks, or asks again on the same socket. */
  ask(ask: Ask): void {
    const known = this.#open.get(ask.exchange);
    if (known !== undefined) {
      known.send(ask.bytes);
      return;
    }
    const conversation = this.#begin(ask);
    if (conversation === undefined) {
      // Not from within the caller's own turn.
      queueMicrotask(() => this.#events.onFailed(ask.exchange, 'dns-over-https'));
      return;
    }
    this.#open.set(ask.exchange, conversation);
    conversation.send(ask.bytes);
  }

  cancel(exchange: ExchangeId): void {
    this.#open.get(exchange)?.close();
    this.#open.delete(exchange);
  }

  close(): void {
    for (const exchange of [...this.#open.keys()]) this.cancel(exchange);
  }

  #begin(ask: Ask): Conversation | undefined {
    const { upstream, exchange, transport } = ask;
    if (upstream.kind === 'https') return undefined;
    const host = endpointAddress(upstream.endpoint);
    const port = endpointPort(upstream.endpoint);
    const type = familyOf(host) === 4 ? 'udp4' : 'udp6';
    const onFailed = (reason: string): void => {
      if (this.#open.has(exchange)) this.#events.onFailed(exchange, reason);
    };
    const onAnswer = (bytes: Uint8Array): void => {
      if (this.#open.has(exchange)) this.#events.onAnswer(exchange, bytes);
    };
    return transport === 'tcp'
      ? tcpConversation(connect({ host, port }), onAnswer, onFailed)
      : udpConversation(createSocket(type), host, port, onAnswer, onFailed);
  }
}

function udpConversation(
  socket: UdpSocket,
  host: string,
  port: number,
  onAnswer: (bytes: Uint8Array) => void,
  onFailed: (reason: string) => void,
): Conversation {
  let isClosed = false;
  let isConnected = false;
  let waiting: Uint8Array | undefined;
  const failed = (error: Error): void => onFailed(error.message);
  const send = (bytes: Uint8Array): void => {
    socket.send(bytes, (error) => {
      if (error !== null && !isClosed) failed(error);
    });
  };
  // An ICMP "port unreachable" arrives here as ECONNREFUSED: no need to wait for the time-out.
  socket.on('error', failed);
  socket.on('message', (message) => onAnswer(new Uint8Array(message)));
  socket.connect(port, host, (error?: Error) => {
    if (isClosed) return;
    if (error !== undefined) {
      failed(error);
      return;
    }
    isConnected = true;
    if (waiting !== undefined) send(waiting);
  });
  return {
    send: (bytes) => {
      if (isConnected) send(bytes);
      else waiting = bytes;
    },
    close: () => {
      isClosed = true;
      socket.close();
    },
  };
}

function tcpConversation(
  socket: TcpSocket,
  onAnswer: (bytes: Uint8Array) => void,
  onFailed: (reason: string) => void,
): Conversation {
  const frames = new FrameReader();
  socket.on('data', (chunk: Buffer) => {
    for (const message of frames.push(chunk)) onAnswer(message);
  });
  socket.on('error', (error) => onFailed(error.message));
  socket.on('close', () => onFailed('closed'));
  return { send: (bytes) => socket.write(frameMessage(bytes)), close: () => socket.destroy() };
}
