/**
 * What is remembered of networks (core's path-engine/network-memory.ts), as `networks.json` of the state directory
 * has it:
 *
 *     {"networks":[{"address":"203.0.113.9","notedAt":1767225600000,
 *                   "lifetime":{"ms":120000,"measuredAt":1767225600000},
 *                   "hardNat":{"method":"birthday","ttl":2,"ports":[1024,1535],"failures":0,"lastAt":1767225500000}}]}
 *
 * Times are wall-clock here and instants in the engine; one that lies in the future (the clock was set back) is now.
 */
import { type Instant, instant } from '@warren/core/base/instant';
import {
  asArray,
  asInteger,
  asObject,
  asString,
  type JsonValue,
  parseJson,
} from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { familyOf, parseAddress } from '@warren/core/ip/address';
import { maxRememberedNetworks } from '@warren/core/path-engine/network-memory';
import type { HardNatMemory, RememberedNetwork } from '@warren/core/path-engine/remembered-network';
import type { Clock } from '@warren/shell/clock';

const ADDRESS_MAX = 64;
const PORT_MAX = 65_535;
const HOPS_MAX = 255;
/** An attempt a second for twelve days. */
const FAILURES_MAX = 1_000_000;
/** No search looks longer, by far. */
const LIFETIME_MAX_MS = 24 * 3_600_000;

export function formatNetworks(networks: readonly RememberedNetwork[], clock: Clock): string {
  const wall = (at: Instant): number => Math.round(clock.wall() - (clock.now() - at));
  const entries = networks.map(({ address, notedAt, lifetime, hardNat }) => ({
    address,
    notedAt: wall(notedAt),
    ...(lifetime === undefined
      ? {}
      : { lifetime: { ms: lifetime.lifetimeMs, measuredAt: wall(lifetime.measuredAt) } }),
    ...(hardNat === undefined ? {} : { hardNat: hardNatJson(hardNat, wall) }),
  }));
  return `${JSON.stringify({ networks: entries })}\n`;
}

function hardNatJson(
  { method, ttl, portRange, failures, lastAt }: HardNatMemory,
  wall: (at: Instant) => number,
): JsonValue {
  return {
    method: method ?? null,
    ttl: ttl ?? null,
    ports: portRange === undefined ? null : [portRange.low, portRange.high],
    failures,
    lastAt: wall(lastAt),
  };
}

/** The latest {@link maxRememberedNetworks}; undefined: the file makes no sense. */
export function parseNetworks(text: string, clock: Clock): RememberedNetwork[] | undefined {
  const networks = asObject(parseJson(encodeUtf8(text)))?.['networks'];
  if (!Array.isArray(networks)) return undefined;
  const read = (value: unknown): Instant | undefined => {
    const wall = asInteger(value, 0);
    return wall === undefined ? undefined : instant(clock.now() - Math.max(0, clock.wall() - wall));
  };
  const parsed = asArray(networks)
    .slice(-maxRememberedNetworks)
    .map((value) => parseNetwork(value, read));
  const good = parsed.filter((network) => network !== undefined);
  return good.length === parsed.length ? good : undefined;
}

type ReadTime = (value: unknown) => Instant | undefined;

function parseNetwork(value: unknown, read: ReadTime): RememberedNetwork | undefined {
  const entry = asObject(value);
  const address = parseAddress(asString(entry?.['address'], ADDRESS_MAX) ?? '');
  const notedAt = read(entry?.['notedAt']);
  if (entry === undefined || address === undefined || notedAt === undefined) return undefined;
  if (familyOf(address) !== 4) return undefined;
  const lifetime = parseLifetime(entry['lifetime'], read);
  const hardNat = parseHardNat(entry['hardNat'], read);
  if (lifetime === 'bad' || hardNat === 'bad') return undefined;
  return {
    address,
    notedAt,
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(hardNat === undefined ? {} : { hardNat }),
  };
}

function parseLifetime(
  value: unknown,
  read: ReadTime,
): RememberedNetwork['lifetime'] | undefined | 'bad' {
  if (value === undefined) return undefined;
  const entry = asObject(value);
  const lifetimeMs = asInteger(entry?.['ms'], 1, LIFETIME_MAX_MS);
  const measuredAt = read(entry?.['measuredAt']);
  return lifetimeMs === undefined || measuredAt === undefined ? 'bad' : { lifetimeMs, measuredAt };
}

function parseHardNat(value: unknown, read: ReadTime): HardNatMemory | undefined | 'bad' {
  if (value === undefined) return undefined;
  const entry = asObject(value);
  const failures = asInteger(entry?.['failures'], 0, FAILURES_MAX);
  const lastAt = read(entry?.['lastAt']);
  if (entry === undefined || failures === undefined || lastAt === undefined) return 'bad';
  const method = (['predict', 'birthday'] as const).find((word) => word === entry['method']);
  const ttl = asInteger(entry['ttl'], 1, HOPS_MAX);
  const portRange = parsePorts(entry['ports']);
  const isBad =
    (method === undefined && entry['method'] !== null) ||
    (ttl === undefined && entry['ttl'] !== null) ||
    (portRange === undefined && entry['ports'] !== null);
  return isBad ? 'bad' : { method, ttl, portRange, failures, lastAt };
}

function parsePorts(value: unknown): HardNatMemory['portRange'] {
  const [first, last, ...more] = asArray(value);
  const low = asInteger(first, 1, PORT_MAX);
  if (low === undefined || more.length > 0) return undefined;
  const high = asInteger(last, low, PORT_MAX);
  return high === undefined ? undefined : { low, high };
}
