/**
 * One mapping at one UPnP service, with what routers do instead of what they should.
 *
 *     port of our wish --GetSpecificPortMappingEntry--> free, ours: Add   another's: another port
 *     Add (AddAnyPortMapping of version 2, else AddPortMapping)
 *       725, 402    permanent lease, once               718, 728, 729  another port, up to three times
 *       724         external = internal port, once      401, 501, 602  AddPortMapping instead of AddAny, once
 *       no answer   once more: it may have arrived      others         given up, in words
 *     --> listed as ours? --> external address? unusable: deleted again
 */
import { randomFraction } from '../base/random.js';
import { type IpAddress, parseAddress } from '../ip/address.js';
import { type ControlPoint, mappingServices } from './device-description.js';
import { externalScope } from './external-address.js';
import {
  addPortMapping,
  deletePortMapping,
  externalAddressOf,
  getExternalAddress,
  getPortMapping,
  mappingEntryOf,
  reservedPortOf,
} from './soap.js';
import {
  type ActionResult,
  callAction,
  type MappingPlace,
  type Script,
  type UpnpContext,
} from './upnp-script.js';

/** Asked for; the usual length in the field, so routers are known to grant it. */
const leaseSeconds = 7_200;
/** Lower external ports belong to services of the router or of others. */
export const lowestExternalPort = 1_024;
/** New ports after a conflict. */
const portRetriesMax = 3;
/** Of all: first, permanent, equal ports, no AddAny, silence, three ports, and some to spare. */
const attemptsMax = 10;

export interface MadeMapping {
  readonly type: 'made';
  readonly point: ControlPoint;
  readonly externalPort: number;
  readonly external: IpAddress;
  /** 0: permanent. */
  readonly leaseSeconds: number;
}

export interface Refusal {
  readonly type: 'refused';
  /** In words for people. */
  readonly reason: string;
  /** The router's fault, or that it gave no answer with a meaning, or that it has no external address. */
  readonly code: number | 'silent' | 'no-address';
}

/** Whose a listed external port is. */
export type Holder =
  | { readonly type: 'ours'; readonly leaseSeconds: number | undefined }
  | { readonly type: 'other' }
  | { readonly type: 'nobody' }
  /** The router doesn't say. */
  | { readonly type: 'unknown' };

interface Plan {
  any: boolean;
  port: number;
  lease: number;
  newPorts: number;
  triedEqual: boolean;
  triedAgain: boolean;
}

export function randomExternalPort(context: UpnpContext): number {
  const choices = 65_536 - lowestExternalPort;
  return lowestExternalPort + Math.floor(randomFraction(context.random) * choices);
}

/** Maps at `point`, whose host is pinned, preferably the external port `wished` (0: any). */
export function* makeMapping(
  context: UpnpContext,
  point: ControlPoint,
  wished: number,
): Script<MadeMapping | Refusal> {
  const plan: Plan = {
    any: point.service === mappingServices[0],
    port: wished >= lowestExternalPort ? wished : randomExternalPort(context),
    lease: leaseSeconds,
    newPorts: 0,
    triedEqual: false,
    triedAgain: false,
  };
  let last: Refusal = { type: 'refused', reason: 'the router refuses every port', code: 718 };
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    // Some routers overwrite what another machine mapped.
    const holder = yield* holderOf(context, point, plan.port);
    if (holder.type === 'other' && !plan.any) {
      context.counters.add('portmap-upnp-port-of-another');
      if (!movesOn(context, plan)) return last;
      continue;
    }
    const answer = yield* add(context, point, plan);
    if (answer.type === 'values') {
      const port = reservedPortOf(answer.values) ?? plan.port;
      const made = yield* confirm(context, point, port, plan.lease);
      if (made !== 'of-another') return made;
      if (!movesOn(context, plan)) return last;
      continue;
    }
    last = refusalOf(answer);
    if (!adapts(context, plan, answer)) {
      if (answer.type === 'silent') yield* deleteOurs(context, point, plan.port);
      return last;
    }
  }
  return last;
}

function add(context: UpnpContext, point: ControlPoint, plan: Plan): Script<ActionResult> {
  const action = addPortMapping(plan.any, {
    externalPort: plan.port,
    internalPort: context.internalPort,
    client: context.lan.self,
    leaseSeconds: plan.lease,
  });
  return callAction(context, point, action, { point, externalPort: plan.port });
}

/** Changes `plan` after what the router said; false: nothing else to try here. */
function adapts(context: UpnpContext, plan: Plan, answer: ActionResult): boolean {
  if (answer.type !== 'fault') {
    const first = !plan.triedAgain;
    plan.triedAgain = true;
    return first;
  }
  switch (answer.code) {
    case 401:
    case 501:
    case 602:
      return withoutAny(plan);
    case 402:
    case 725:
      if (plan.lease === 0) return withoutAny(plan);
      plan.lease = 0;
      return true;
    case 718:
    case 728:
    case 729:
      return movesOn(context, plan);
    case 724: {
      const first = !plan.triedEqual;
      plan.triedEqual = true;
      plan.port = context.internalPort;
      return first;
    }
    default:
      return false;
  }
}

/** Some that say version 2 know only what version 1 does. */
function withoutAny(plan: Plan): boolean {
  const { any } = plan;
  plan.any = false;
  return any;
}

/** Another port, as long as it is worth it; a router that wants equal ports leaves no choice. */
function movesOn(context: UpnpContext, plan: Plan): boolean {
  if (plan.triedEqual || plan.newPorts >= portRetriesMax) return false;
  plan.newPorts += 1;
  plan.port = randomExternalPort(context);
  return true;
}

/**
 * Looks up what the router now has at `port`; a mapping without an external address is deleted. `known` is the address
 * that it told last, for a router that is silent now.
 */
function* confirm(
  context: UpnpContext,
  point: ControlPoint,
  port: number,
  asked: number,
  known?: IpAddress,
): Script<MadeMapping | Refusal | 'of-another'> {
  const stands = { point, externalPort: port };
  const holder = yield* holderOf(context, point, port, stands);
  if (holder.type === 'other') {
    context.counters.add('portmap-upnp-granted-to-another');
    return 'of-another';
  }
  const told = yield* externalAt(context, point, stands);
  const external = typeof told !== 'string' && told.code === 'silent' ? (known ?? told) : told;
  if (typeof external !== 'string') {
    yield* callAction(context, point, deletePortMapping(port), stands);
    return external;
  }
  // What is listed counts: some grant less, and some permanently, than asked.
  const granted = holder.type === 'ours' ? holder.leaseSeconds : undefined;
  const lease = asked === 0 ? 0 : Math.min(granted ?? asked, asked);
  return { type: 'made', point, externalPort: port, external, leaseSeconds: lease };
}

/** The external address that strangers may be told, or why there is none. */
export function* externalAt(
  context: UpnpContext,
  point: ControlPoint,
  stands?: MappingPlace,
): Script<IpAddress | Refusal> {
  const answer = yield* callAction(context, point, getExternalAddress, stands);
  if (answer.type !== 'values') return refusalOf(answer);
  const address = externalAddressOf(answer.values);
  if (address !== undefined && externalScope(address) !== 'unusable') return address;
  context.counters.add('portmap-upnp-external-unusable');
  const told = address === undefined ? 'no external address' : `the external address ${address}`;
  return { type: 'refused', reason: `the router has ${told}`, code: 'no-address' };
}

/** Who has `port` by the router's list. */
export function* holderOf(
  context: UpnpContext,
  point: ControlPoint,
  port: number,
  stands?: MappingPlace,
): Script<Holder> {
  const answer = yield* callAction(context, point, getPortMapping(port), stands);
  if (answer.type === 'fault') return { type: answer.code === 714 ? 'nobody' : 'unknown' };
  if (answer.type === 'silent') return { type: 'unknown' };
  const entry = mappingEntryOf(answer.values);
  const client = parseAddress(entry.client);
  // Some routers answer with an empty entry instead of a fault.
  if (client === undefined || client === '0.0.0.0') return { type: 'nobody' };
  const isOurs = client === context.lan.self && entry.internalPort === context.internalPort;
  return isOurs ? { type: 'ours', leaseSeconds: entry.leaseSeconds } : { type: 'other' };
}

/** Asks for `made` once more with the same ports, internal and external; what else there is to do is the caller's. */
export function* renewMapping(
  context: UpnpContext,
  made: MadeMapping,
): Script<MadeMapping | Refusal | 'of-another'> {
  const { point, externalPort: port, leaseSeconds: lease } = made;
  const holder = yield* holderOf(context, point, port);
  if (holder.type === 'other') return 'of-another';
  const wanted = lease === 0 ? 0 : leaseSeconds;
  const plan: Plan = {
    any: false,
    port,
    lease: wanted,
    newPorts: portRetriesMax,
    triedEqual: true,
    triedAgain: false,
  };
  for (;;) {
    const answer = yield* add(context, point, plan);
    if (answer.type === 'values') {
      return yield* confirm(context, point, port, plan.lease, made.external);
    }
    if (answer.type === 'fault' && answer.code === 718) return 'of-another';
    // Silence is waited out: the mapping still has half of its life.
    if (answer.type === 'silent' || !adapts(context, plan, answer)) return refusalOf(answer);
  }
}

/** Deletes what is listed at `port` when it is ours, or when the router doesn't say whose it is. */
export function* deleteOurs(context: UpnpContext, point: ControlPoint, port: number): Script<void> {
  const holder = yield* holderOf(context, point, port);
  if (holder.type === 'ours' || holder.type === 'unknown') {
    yield* callAction(context, point, deletePortMapping(port));
  }
}

/** Faults in the words of the specifications. */
const faultWords: Readonly<Record<number, string>> = {
  401: 'it does not know the action',
  402: 'invalid arguments',
  501: 'the action failed',
  602: 'it does not implement the action',
  606: 'not authorised',
  715: 'it wants a definite remote host',
  716: 'it wants a definite external port',
  718: 'the port is taken by another machine',
  724: 'internal and external port must be equal',
  725: 'only permanent leases',
  726: 'it wants any remote host',
  727: 'it wants any external port, which would open them all',
  728: 'no port is free',
  729: 'the port is taken by another mechanism',
  732: 'it wants a definite internal port',
};

function refusalOf(answer: Exclude<ActionResult, { readonly type: 'values' }>): Refusal {
  if (answer.type === 'silent') return { type: 'refused', reason: answer.reason, code: 'silent' };
  const words = faultWords[answer.code] ?? answer.words;
  const reason = `the router refuses (${answer.code}${words === '' ? '' : `, ${words}`})`;
  return { type: 'refused', reason, code: answer.code };
}
