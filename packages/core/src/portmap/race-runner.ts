/** One protocol's part in a race (mapping-race.ts), and what can be read off it. */
import type { Instant } from '../base/instant.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import { externalScope } from './external-address.js';
import type { PortMapProtocol, RememberedMapping } from './io.js';
import type { MethodReport, MethodState } from './mapper-report.js';
import type { MappingMethod, MethodOutput } from './method.js';

const RANK: Readonly<Record<PortMapProtocol, number>> = { pcp: 0, natpmp: 1, upnp: 2 };

export interface Runner {
  readonly method: MappingMethod;
  state: 'looking' | 'found' | 'asking' | 'mapped' | 'failed' | 'released';
  present: boolean | undefined;
  error: string | undefined;
  failures: number;
  retryAt: Instant | undefined;
  /** With `failed`: the mapping stands and lets nobody in. */
  granted: Extract<MethodOutput, { readonly type: 'granted' }> | undefined;
  /** The external address of the latest mapping. */
  told: IpAddress | undefined;
}

/** The best first. */
export function runnersOf(methods: readonly MappingMethod[]): readonly Runner[] {
  const byRank = [...methods].sort((a, b) => RANK[a.protocol] - RANK[b.protocol]);
  return byRank.map((method) => ({
    method,
    state: 'looking',
    present: undefined,
    error: undefined,
    failures: 0,
    retryAt: undefined,
    granted: undefined,
    told: undefined,
  }));
}

/** Less is better: an earlier run's mapping is preferred to all. */
export function rankOf(
  { method }: Runner,
  remembered: ReadonlyMap<PortMapProtocol, RememberedMapping>,
): number {
  return RANK[method.protocol] - (remembered.has(method.protocol) ? 10 : 0);
}

/** The router's external address as the protocol told last: with its mapping, or by itself. */
export function addressOf({ method, granted, told }: Runner): IpAddress | undefined {
  return granted === undefined ? (method.facts.address ?? told) : endpointAddress(granted.external);
}

export function mappingOf({ granted }: Runner): MethodReport['mapping'] {
  if (granted === undefined) return undefined;
  const { external, lifetimeMs } = granted;
  const isPublic = externalScope(endpointAddress(external)) === 'public';
  return { external, isPublic, lifetimeMs };
}

/** `pausedUntil`: when a dead mapping is made anew. */
export function reportOf(runner: Runner, pausedUntil: Instant | undefined): MethodReport {
  const isDead = runner.state === 'failed' && runner.granted !== undefined;
  return {
    ...runner.method.facts,
    protocol: runner.method.protocol,
    state: isDead ? 'dead' : stateOf(runner),
    isPresent: runner.present,
    error: runner.error,
    retryAt: isDead ? pausedUntil : runner.retryAt,
    mapping: mappingOf(runner),
  };
}

function stateOf({ state }: Runner): MethodState {
  return state === 'found' || state === 'released' ? 'ready' : state;
}
