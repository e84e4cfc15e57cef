/**
 * DNS of the node, all parts together: the resolver and its sockets, the system's settings, and what status and
 * `warren dns` show of them.
 *
 *     netmap, --accept-dns, the system's own resolvers --> resolver's configuration
 *                                                      --> the system's resolv.conf
 *     the tunnel's addresses ----------------------------> ears on port 53
 */
import { networkInterfaces } from 'node:os';
import {
  type DnsNetwork,
  NO_DNS,
  ownSuffixes,
  resolverConfigOf,
  suffixOfNetwork,
  systemDnsOf,
  unsupportedUpstreams,
} from '@warren/core/dns/dns-config';
import { emptyConfig, type ResolverConfig } from '@warren/core/dns/resolver-config';
import { formatUpstream, SERVICE_ADDRESSES, type Upstream } from '@warren/core/dns/upstream';
import { familyOf } from '@warren/core/ip/address';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Netmap } from '@warren/core/netmap/types';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import type { Health } from '../daemon/health.js';
import type { LinkState } from '../link/link-watcher.js';
import type { DnsQueryReport, DnsStatusReport } from '../local-api/dns-report.js';
import { defaultInterfaces, mayAsk } from './client-addresses.js';
import { askOnce, type DnsQuestionText } from './query-report.js';
import { ResolverHost } from './resolver-host.js';
import { ServiceSockets } from './service-sockets.js';
import { SystemDnsKeeper } from './system-dns.js';

/** IPv6 addresses also of machines that have IPv4, as control's attribute is called. */
const WITH_IPV6 = 'magicdns-aaaa';
/** Interfaces change seldom, queries come in crowds. */
const INTERFACES_MS = 1000;

export interface DnsDeskOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly health: Pick<Health, 'set' | 'clear'>;
  readonly tunName: string;
  /** Of the system's files: /etc. */
  readonly directory: string;
  readonly acceptDns: () => boolean;
  /** Resolves when the tunnel's device has its addresses, or can't have them. */
  readonly deviceSettled: () => Promise<void>;
}

export class DnsDesk {
  readonly #options: DnsDeskOptions;
  readonly #host: ResolverHost;
  readonly #ears: ServiceSockets;
  readonly #system: SystemDnsKeeper;
  readonly #earProblems = new Map<string, string>();
  #netmap: Netmap | undefined;
  #config: ResolverConfig = emptyConfig();
  #systemResolvers: readonly Upstream[] = [];
  #outside: ReadonlySet<string> = new Set();
  #interfaces: ReturnType<typeof networkInterfaces> = {};
  #interfacesAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: DnsDeskOptions) {
    this.#options = options;
    const { random, clock, log, health } = options;
    this.#host = new ResolverHost(random, clock);
    this.#ears = new ServiceSockets({
      onQuery: (transport, bytes, reply) => this.#host.query(transport, bytes, reply),
      mayAsk: (address) => mayAsk(address, this.#currentInterfaces(), this.#outside),
      onDropped: (reason) => this.#host.dropped(reason),
      onState: (address, problem) => this.#noteEar(address, problem),
    });
    this.#system = new SystemDnsKeeper({
      ...options,
      log,
      onTrouble: (sentence) => {
        if (sentence === undefined) health.clear('dns-system');
        else health.set('dns-system', sentence);
      },
      onSystemResolvers: (resolvers) => {
        this.#systemResolvers = resolvers;
        this.#configure();
      },
    });
  }

  /** Takes back what an earlier process left. */
  start(): void {
    this.#system.start();
  }

  /** What control says now; undefined: the machine takes no part. */
  setNetmap(netmap: Netmap | undefined): void {
    const old = this.#netmap;
    this.#netmap = netmap;
    if (
      old?.dns === netmap?.dns &&
      old?.self === netmap?.self &&
      old?.peers === netmap?.peers &&
      (old === undefined) === (netmap === undefined)
    ) {
      return;
    }
    this.#configure();
    if (old?.dns === netmap?.dns && old?.self === netmap?.self) return;
    void this.#apply();
  }

  /** `--accept-dns` is another. */
  settingsChanged(): void {
    this.#configure();
    void this.#apply();
  }

  linkChanged(link: LinkState): void {
    this.#outside = defaultInterfaces(link.defaultRoute);
    this.#interfacesAtMs = Number.NEGATIVE_INFINITY;
    this.#system.linkChanged();
  }

  counters(): Readonly<Record<string, number>> {
    return this.#host.counters();
  }

  status(): DnsStatusReport {
    const network = this.#network();
    const { routes, defaults } = this.#config;
    const dns = network?.dns ?? NO_DNS;
    const system = this.#system.wanted;
    const texts = (upstreams: readonly Upstream[]): string[] => upstreams.map(formatUpstream);
    return {
      acceptDns: this.#options.acceptDns(),
      magicDns: dns.proxied,
      suffix: network === undefined ? null : (suffixOfNetwork(network.self) ?? null),
      selfName: network?.self.name.replace(/\.$/, '') ?? null,
      resolvers: texts(dns.resolvers),
      fallbackResolvers: texts(dns.fallbackResolvers),
      routes: Object.fromEntries([...dns.routes].map(([name, to]) => [name || '.', texts(to)])),
      searchDomains: dns.domains,
      certDomains: dns.certDomains,
      extraRecords: dns.extraRecords.map(({ name, address }) => ({
        name,
        type: familyOf(address) === 4 ? 'A' : 'AAAA',
        value: address,
      })),
      inUse: {
        defaults: texts(defaults),
        routes: Object.fromEntries([...routes].map(([name, to]) => [name, texts(to)])),
        ownSuffixes: network === undefined ? [] : [...ownSuffixes(network)],
      },
      listening: this.#wantedEars().filter((address) => !this.#earProblems.has(address)),
      system: {
        manager: this.#system.managerName ?? null,
        isSet: system !== undefined,
        nameservers: system?.nameservers ?? [],
        searchDomains: system?.searchDomains ?? [],
        matchDomains: system?.matchDomains ?? null,
        ownResolvers: texts(this.#systemResolvers),
      },
      cached: this.#host.cached,
    };
  }

  /** Asks the resolver what a program of this machine would. */
  query(question: DnsQuestionText): Promise<DnsQueryReport> {
    return askOnce(this.#host, this.#config, question);
  }

  /** The system is as before us when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ears.want([]);
    await this.#system.close();
    this.#host.close();
  }

  #network(): DnsNetwork | undefined {
    const netmap = this.#netmap;
    if (netmap === undefined) return undefined;
    const { self, peers, dns = NO_DNS } = netmap;
    return {
      dns,
      self,
      nodes: () => [self, ...peers.values()],
      withIpv6: self.capabilities?.includes(WITH_IPV6) === true,
    };
  }

  #configure(): void {
    const network = this.#network();
    const wishes = {
      acceptDns: this.#options.acceptDns(),
      systemResolvers: this.#systemResolvers,
    };
    this.#config = network === undefined ? emptyConfig() : resolverConfigOf(network, wishes);
    this.#host.configure(this.#config);
  }

  async #apply(): Promise<void> {
    // Nobody can listen on an address that isn't there, and the system shall not ask where nobody listens.
    if (this.#netmap !== undefined) await this.#options.deviceSettled().catch(() => undefined);
    if (this.#closed) return;
    const network = this.#network();
    const acceptDns = this.#options.acceptDns();
    this.#ears.want(this.#wantedEars());
    this.#system.want(network === undefined ? undefined : systemDnsOf(network, acceptDns));
    const { health } = this.#options;
    const unsupported = acceptDns ? unsupportedUpstreams(network?.dns ?? NO_DNS) : [];
    if (unsupported.length === 0) health.clear('dns-https');
    else health.set('dns-https', httpsSentence(unsupported));
  }

  /** The service's addresses of the families that we have. */
  #wantedEars() {
    const addresses = this.#netmap?.self.addresses ?? [];
    const families = new Set(addresses.map((prefix) => familyOf(prefixAddress(prefix))));
    return SERVICE_ADDRESSES.filter((address) => families.has(familyOf(address)));
  }

  #noteEar(address: string, problem: string | undefined): void {
    const { health } = this.#options;
    if (problem === undefined) this.#earProblems.delete(address);
    else this.#earProblems.set(address, problem);
    const v4 = this.#earProblems.get(SERVICE_ADDRESSES[0] ?? '');
    // A machine without IPv6 in the tunnel is healthy.
    if (v4 === undefined) health.clear('dns-ears');
    else health.set('dns-ears', `The resolver can't listen on ${SERVICE_ADDRESSES[0]}: ${v4}`);
  }

  #currentInterfaces(): ReturnType<typeof networkInterfaces> {
    const nowMs = performance.now();
    if (nowMs - this.#interfacesAtMs > INTERFACES_MS) {
      this.#interfaces = networkInterfaces();
      this.#interfacesAtMs = nowMs;
    }
    return this.#interfaces;
  }
}

function httpsSentence(urls: readonly string[]): string {
  return `The network's DNS settings name resolvers over HTTPS, which Warren doesn't ask: ${urls.join(', ')}`;
}
