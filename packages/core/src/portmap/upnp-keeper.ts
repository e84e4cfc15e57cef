/**
 * The life of our one mapping over UPnP: made, looked after, renewed, made anew, lost. Scripts that the machine
 * (upnp-client.ts) runs one at a time.
 *
 *     map --> at the device of an earlier run or of last time, else at the best of all
 *     look, every 10 min --> listed, same external address?  no: made anew
 *     renew, at half of its life --> same ports  |  taken, refused: made anew  |  silent: again after 20 s,
 *         40, 80, 160 s, or wherever a new search leads; then lost
 */

import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import type { ControlPoint } from './device-description.js';
import { mappingServices } from './device-description.js';
import type { RememberedMapping } from './io.js';
import { isOnLan, parseLanUrl } from './lan-url.js';
import { deletePortMapping } from './soap.js';
import { rankPoints } from './upnp-devices.js';
import {
  deleteOurs,
  externalAt,
  holderOf,
  type MadeMapping,
  makeMapping,
  type Refusal,
  renewMapping,
} from './upnp-mapping.js';
import { callAction, type MappingPlace, type Script, type UpnpContext } from './upnp-script.js';

/** Between looks at a mapping that needs no renewal yet: a router that rebooted says nothing by itself. */
const lookMs = 10 * 60_000;
/** A permanent mapping is asked for again as often as one of the usual two hours. */
const permanentRenewMs = 60 * 60_000;
/** However short the lease, and after silence: we don't ask more often. */
const renewMinMs = 20_000;
/** With doubled waits in between, five minutes: a router that reboots is back by then. */
const silencesMax = 4;

export interface KeeperEvents {
  readonly now: () => Instant;
  /** Services of the devices that answered the last search, the best first. */
  readonly points: () => readonly ControlPoint[];
  readonly granted: (made: MadeMapping) => void;
  readonly lost: (refusal: Refusal) => void;
  /** The router is silent: it may be somewhere else by now. */
  readonly searchAgain: () => void;
}

export interface MapWish {
  /** 0: any. */
  readonly externalPort: number;
  /** Where an earlier run had it. */
  readonly place: MappingPlace | undefined;
}

interface Mapped {
  readonly made: MadeMapping;
  readonly expiresAt: Instant | undefined;
  readonly renewsAt: Instant;
  readonly looksAt: Instant;
  /** Renewals in a row without an answer. */
  readonly silences: number;
}

const noDevice: Refusal = { type: 'refused', reason: 'no device answers', code: 'silent' };

export class UpnpKeeper {
  readonly #context: UpnpContext;
  readonly #events: KeeperEvents;
  #mapped: Mapped | undefined;
  /** Where the last mapping was; it is asked first. */
  #lastPoint: ControlPoint | undefined;

  constructor(context: UpnpContext, events: KeeperEvents) {
    this.#context = context;
    this.#events = events;
  }

  get made(): MadeMapping | undefined {
    return this.#mapped?.made;
  }

  get renewsAt(): Instant | undefined {
    return this.#mapped?.renewsAt;
  }

  /** Undefined: never, or there is no mapping. */
  get expiresAt(): Instant | undefined {
    return this.#mapped?.expiresAt;
  }

  get nextTimeout(): Instant | undefined {
    return earliest(this.#mapped?.renewsAt, this.#mapped?.looksAt);
  }

  /** What to run now by time; undefined: nothing. */
  due(now: Instant): (() => Script<void>) | undefined {
    if (this.#mapped === undefined) return undefined;
    if (now >= this.#mapped.renewsAt) return () => this.renew();
    return now >= this.#mapped.looksAt ? () => this.look() : undefined;
  }

  *map({ externalPort, place }: MapWish): Script<void> {
    if (place !== undefined) {
      const holder = yield* holderOf(this.#context, place.point, place.externalPort);
      if (holder.type === 'ours') {
        this.#context.counters.add('portmap-upnp-taken-up');
        const result = yield* makeMapping(this.#context, place.point, place.externalPort);
        if (result.type === 'made') {
          this.#grant(result);
          return;
        }
      }
    }
    yield* this.#mapSomewhere(externalPort);
  }

  *#mapSomewhere(externalPort: number): Script<void> {
    let refusal = noDevice;
    const last = this.#lastPoint;
    if (last !== undefined) {
      const result = yield* makeMapping(this.#context, last, externalPort);
      if (result.type === 'made') {
        this.#grant(result);
        return;
      }
      refusal = result;
    }
    const others = this.#events.points().filter((point) => !isSame(point, last));
    for (let left: readonly ControlPoint[] = others; left.length > 0; ) {
      const { ranked, unasked } = yield* rankPoints(this.#context, left);
      for (const point of ranked) {
        const result = yield* makeMapping(this.#context, point, externalPort);
        if (result.type === 'made') {
          this.#grant(result);
          return;
        }
        refusal = result;
      }
      left = unasked;
    }
    this.#lose(refusal);
  }

  /** Asks for the same ports again, also when the lease has long to go. */
  *renew(): Script<void> {
    if (this.#mapped === undefined) return;
    const { made, silences } = this.#mapped;
    const result = yield* renewMapping(this.#context, made);
    if (result === 'of-another') {
      // No longer ours to delete.
      this.#mapped = undefined;
      yield* this.#mapSomewhere(0);
    } else if (result.type === 'made') {
      this.#grant(result);
    } else if (result.code === 'no-address') {
      this.#lose(result);
    } else if (result.code !== 'silent') {
      yield* this.#mapSomewhere(made.externalPort);
    } else if (silences > 0 && this.#events.points().length > 0) {
      // It, or another one, answered a new search, maybe from another port.
      this.#lastPoint = undefined;
      yield* this.#mapSomewhere(made.externalPort);
    } else if (silences < silencesMax) {
      this.#context.counters.add('portmap-upnp-renewal-silent');
      const again = after(this.#events.now(), renewMinMs * 2 ** silences);
      this.#mapped = {
        ...this.#mapped,
        ...{ renewsAt: again, looksAt: again, silences: silences + 1 },
      };
      this.#events.searchAgain();
    } else {
      this.#lose(result);
    }
  }

  /** Looks whether the mapping still stands, and where strangers find it. */
  *look(): Script<void> {
    if (this.#mapped === undefined) return;
    const { made } = this.#mapped;
    const holder = yield* holderOf(this.#context, made.point, made.externalPort);
    if (holder.type === 'nobody') {
      this.#context.counters.add('portmap-upnp-forgotten-by-router');
      yield* this.#mapSomewhere(made.externalPort);
    } else if (holder.type === 'other') {
      this.#context.counters.add('portmap-upnp-port-of-another');
      this.#mapped = undefined;
      yield* this.#mapSomewhere(0);
    } else {
      const external = yield* externalAt(this.#context, made.point);
      const moved = typeof external === 'string' && external !== made.external;
      this.#mapped = { ...this.#mapped, looksAt: after(this.#events.now(), lookMs) };
      if (moved) yield* this.renew();
    }
  }

  /** Strangers don't get through: gives the port back and takes another. */
  *move(): Script<void> {
    if (this.#mapped === undefined) return;
    const { point, externalPort } = this.#mapped.made;
    const stands = { point, externalPort };
    this.#mapped = undefined;
    yield* callAction(this.#context, point, deletePortMapping(externalPort), stands);
    yield* this.#mapSomewhere(0);
  }

  #grant(made: MadeMapping): void {
    const now = this.#events.now();
    const halfMs = made.leaseSeconds === 0 ? permanentRenewMs : made.leaseSeconds * 500;
    this.#lastPoint = made.point;
    this.#mapped = {
      made,
      expiresAt: made.leaseSeconds === 0 ? undefined : after(now, made.leaseSeconds * 1000),
      renewsAt: after(now, Math.max(renewMinMs, halfMs)),
      looksAt: after(now, lookMs),
      silences: 0,
    };
    this.#events.granted(made);
  }

  #lose(refusal: Refusal): void {
    this.#mapped = undefined;
    this.#lastPoint = undefined;
    this.#events.lost(refusal);
  }
}

function isSame(point: ControlPoint, last: ControlPoint | undefined): boolean {
  if (last === undefined || point.path !== last.path) return false;
  return point.service === last.service && last.hosts.every((host) => point.hosts.includes(host));
}

/** `made` for the state file. */
export function rememberedOf(
  { lan, internalPort }: UpnpContext,
  { point, external, externalPort }: MadeMapping,
): RememberedMapping {
  return {
    protocol: 'upnp',
    gateway: lan.gateway,
    self: lan.self,
    internalPort,
    external: endpoint(external, externalPort),
    device: { controlUrl: urlOf(point), service: point.service },
  };
}

/** The control URL at the host that is asked first. */
export function urlOf({ hosts, path }: ControlPoint): string {
  return `http://${hosts[0] ?? ''}${path}`;
}

/** Where a remembered mapping is; undefined: nowhere on this LAN. */
export function placeOf(
  { lan }: UpnpContext,
  { external, device, gateway }: RememberedMapping,
): MappingPlace | undefined {
  if (device === undefined || gateway !== lan.gateway) return undefined;
  const url = parseLanUrl(device.controlUrl);
  if (url instanceof DecodeFailure || !isOnLan(endpointAddress(url.host), lan)) return undefined;
  if (!mappingServices.some((service) => service === device.service)) return undefined;
  const point = { service: device.service, hosts: [url.host], path: url.path };
  return { point, externalPort: endpointPort(external) };
}

/** Deletes a leftover of an earlier run, if the router still lists it as that. */
export function* forgetMapping(context: UpnpContext, mapping: RememberedMapping): Script<void> {
  const place = placeOf(context, mapping);
  if (place === undefined) return;
  const lan = { ...context.lan, self: mapping.self };
  const then = { ...context, lan, internalPort: mapping.internalPort };
  yield* deleteOurs(then, place.point, place.externalPort);
}
