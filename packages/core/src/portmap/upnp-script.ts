/**
 * Conversations with a UPnP device, written as they are read: a script is a generator that yields an HTTP request
 * and is resumed with what came of it. It does no I/O and reads no clock; the machine (upnp-client.ts) drives it.
 */
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import type { ControlPoint } from './device-description.js';
import type { Lan } from './lan-url.js';
import { decodeAnswer, encodeAction, type SoapAction } from './soap.js';

/** Slow routers take seconds to write a mapping into their flash; nothing waits for us meanwhile. */
const actionTimeoutMs = 3_000;

export interface UpnpRequest {
  readonly method: 'GET' | 'POST';
  readonly host: Endpoint;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** A mapping that stands at the router, or may, once this is sent. */
  readonly stands?: MappingPlace;
  /** This asks for it; the router may choose another port. */
  readonly adds?: boolean;
}

/** Where a mapping is: what is needed to delete it. */
export interface MappingPlace {
  readonly point: ControlPoint;
  readonly externalPort: number;
}

export type HttpResult =
  | { readonly type: 'answer'; readonly status: number; readonly body: string }
  /** No connection, no answer in time, or an answer that is too long. */
  | { readonly type: 'failed' };

/** Ends with a `Result`; each yield is one request. */
export type Script<Result> = Generator<UpnpRequest, Result, HttpResult>;

/** What all scripts of one machine know. */
export interface UpnpContext {
  readonly lan: Lan;
  readonly internalPort: number;
  readonly random: Random;
  readonly counters: Counters;
}

/** What an action came to; `host` is the one that answered. */
export type ActionResult =
  | {
      readonly type: 'values';
      readonly values: ReadonlyMap<string, string>;
      readonly host: Endpoint;
    }
  | {
      readonly type: 'fault';
      readonly code: number;
      readonly words: string;
      readonly host: Endpoint;
    }
  | { readonly type: 'silent'; readonly reason: string };

/** Faults that are counted by their number; a router's own numbers are `other`. */
const countedFaults = new Set([
  401, 402, 501, 602, 606, 714, 715, 716, 718, 724, 725, 726, 727, 728, 729, 732,
]);

/** Asks the hosts of `point` in turn until one answers as UPnP does. */
export function* callAction(
  { counters }: UpnpContext,
  point: ControlPoint,
  action: SoapAction,
  stands?: MappingPlace,
): Script<ActionResult> {
  let reason = 'no answer';
  for (const host of point.hosts) {
    const request: UpnpRequest = {
      method: 'POST',
      host,
      path: point.path,
      ...encodeAction(point.service, action),
      timeoutMs: actionTimeoutMs,
      ...(stands === undefined ? {} : { stands, adds: action.name.startsWith('Add') }),
    };
    const result = yield request;
    if (result.type === 'failed') continue;
    const answer = decodeAnswer(action.name, result.status, result.body);
    if (answer instanceof DecodeFailure) {
      counters.add(`portmap-upnp-${answer.reason}`);
      reason = `an answer that can't be read (${answer.reason})`;
      continue;
    }
    if (answer.type === 'fault') {
      const name = countedFaults.has(answer.code) ? String(answer.code) : 'other';
      counters.add(`portmap-upnp-fault-${name}`);
    }
    return { ...answer, host };
  }
  return { type: 'silent', reason };
}
