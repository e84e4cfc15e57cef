/**
 * The datagrams between `nat-probe.ts` and `echo-server.ts`: JSON, for eyes and tcpdump.
 *
 * The server has four sockets: two addresses, each with `probePort` and `probePort + 1`.
 */

/** Lower port of the echo server. */
export const probePort = 3400;

/** Which socket of the server shall answer, relative to the one asked. */
export type AnswerFrom = 'same' | 'other-port' | 'other-address';

export interface ProbeRequest {
  readonly id: number;
  readonly answerFrom: AnswerFrom;
}

export interface ProbeAnswer {
  readonly id: number;
  /** Where the request came from, as the server saw it. */
  readonly seen: string;
}
