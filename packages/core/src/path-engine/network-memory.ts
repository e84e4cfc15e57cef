/**
 * What is remembered of the networks that we were in, by the public IPv4 address under which servers see us: how long
 * their NAT keeps an idle mapping, and what worked against it where it is a hard one. The machine's owner keeps
 * it over restarts (`network-memory`); what is a month old tells little of a router, what is a week old is measured anew.
 *
 *     report ----> this network is `address` ----> what is known of it
 *     noted -----> remembered, told to the owner
 *     link-changed, or no server heard yet: no network, nothing is known, nothing is noted
 */
import type { Instant } from '../base/instant.js';
import { RecentMap } from '../base/recent-map.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import type { NetcheckReport } from '../netcheck/report.js';
import type { EngineOutputs } from './outputs.js';
import type { HardNatMemory, RememberedNetwork } from './remembered-network.js';

/** Home, work and a few more; a home whose address changes every night fills it in two weeks. */
export const maxRememberedNetworks = 16;
/** A router's timeouts change with its software, which is not done every week. */
export const lifetimeValidMs = 7 * 24 * 3_600_000;
/** The same public address is another customer's by then, or behind it is another router. */
export const networkValidMs = 30 * 24 * 3_600_000;

export class NetworkMemory {
  readonly #outputs: Pick<EngineOutputs, 'push'>;
  /** By address; what was noted last is last. */
  readonly #networks = new RecentMap<IpAddress, RememberedNetwork>(maxRememberedNetworks);
  #address: IpAddress | undefined;

  /** `earlier`: of earlier runs, the latest last; those that are too old, or too many, are forgotten. */
  constructor(
    outputs: Pick<EngineOutputs, 'push'>,
    earlier: readonly RememberedNetwork[],
    now: Instant,
  ) {
    this.#outputs = outputs;
    for (const network of earlier) {
      if (now - network.notedAt < networkValidMs) this.#networks.set(network.address, network);
    }
  }

  /** The public address of the network that we are in; undefined: it is not known. */
  get address(): IpAddress | undefined {
    return this.#address;
  }

  /** Of this network. */
  get lifetime(): RememberedNetwork['lifetime'] {
    return this.#current?.lifetime;
  }

  /** Of this network. */
  get hardNat(): HardNatMemory | undefined {
    return this.#current?.hardNat;
  }

  /** Before the report's other readers. One without IPv4 says nothing of where we are. */
  report({ observations }: NetcheckReport): void {
    const first = observations.find(({ family }) => family === 4);
    if (first !== undefined) this.#address = endpointAddress(first.mapped);
  }

  /** Where we are is to be found out. */
  networkChanged(): void {
    this.#address = undefined;
  }

  noteLifetime(lifetimeMs: number, now: Instant): void {
    this.#note({ lifetime: { lifetimeMs, measuredAt: now } }, now);
  }

  noteHardNat(hardNat: HardNatMemory, now: Instant): void {
    this.#note({ hardNat }, now);
  }

  get #current(): RememberedNetwork | undefined {
    return this.#address === undefined ? undefined : this.#networks.get(this.#address);
  }

  #note(what: Pick<RememberedNetwork, 'lifetime' | 'hardNat'>, now: Instant): void {
    const address = this.#address;
    if (address === undefined) return;
    const before = this.#networks.get(address);
    this.#networks.set(address, { ...before, ...what, address, notedAt: now });
    this.#outputs.push({ type: 'network-memory', networks: [...this.#networks.values()] });
  }
}
