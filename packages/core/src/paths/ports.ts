/** What one side of a search for ports knows, or tells, of its ports. */
import type { Endpoint } from '../ip/address.js';

/** What one side tells the other of the ports of its sockets: see `PortPlan` of disco/ping-extension.ts. */
export interface Ports {
  /** Of one socket, in the order of their likelihood; or of many sockets, each at some port of the range. */
  readonly kind: 'list' | 'scatter';
  /** Our NAT lets in, and answers from the same port, all ports of an address that we have sent to. */
  readonly isOpenToAddress: boolean;
  readonly first: Endpoint;
  readonly step: number;
  readonly count: number;
}

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export function samePorts(a: Ports | undefined, b: Ports): boolean {
  return a?.kind === b.kind && a.first === b.first && a.step === b.step && a.count === b.count;
}
