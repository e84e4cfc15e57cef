/** What control hears of our network: the first report, and later ones when more than latency changed. */
import type { NetcheckReport } from '../netcheck/report.js';
import type { NetInfo } from '../netmap/own.js';
import type { PortMapServices } from '../portmap/io.js';
import type { EngineOutputs } from './outputs.js';

export class NetInfoReporter {
  readonly #outputs: EngineOutputs;
  #osHasIpv6: boolean | undefined;
  #told: NetInfo | undefined;
  #portMap: Pick<NetInfo, 'upnp' | 'natpmp' | 'pcp' | 'havePortMap'> = {};
  #report: NetcheckReport | undefined;
  /** From the last report that could tell: one server alone says nothing. */
  #mappingVaries: boolean | undefined;

  constructor(outputs: EngineOutputs) {
    this.#outputs = outputs;
  }

  /** Whether an IPv6 socket could be opened; undefined: not tried yet. */
  osHasIpv6(has: boolean | undefined): void {
    this.#osHasIpv6 = has;
    this.#tell();
  }

  report(report: NetcheckReport): void {
    this.#report = report;
    this.#mappingVaries = report.mappingVariesByDestIp ?? this.#mappingVaries;
    this.#tell();
  }

  /** What the router's port mapping is like. */
  portMap(services: PortMapServices, havePortMap: boolean): void {
    const { upnp, natpmp, pcp } = services;
    this.#portMap = { upnp, natpmp, pcp, havePortMap };
    this.#tell();
  }

  /** What two servers said of the mapping was said of another network. */
  networkChanged(): void {
    this.#mappingVaries = undefined;
  }

  #tell(): void {
    const report = this.#report;
    if (report === undefined) return;
    const netInfo: NetInfo = {
      homeRegion: report.homeRegion,
      mappingVariesByDestIp: this.#mappingVaries,
      workingUdp: report.udp,
      workingIpv6: report.ipv6,
      osHasIpv6: this.#osHasIpv6,
      ...this.#portMap,
      regionLatencyMs: report.regionV4LatencyMs,
      regionV6LatencyMs: report.regionV6LatencyMs,
    };
    if (this.#told !== undefined && sameButLatency(this.#told, netInfo)) return;
    this.#told = netInfo;
    this.#outputs.push({ type: 'net-info', netInfo });
  }
}

function sameButLatency(a: NetInfo, b: NetInfo): boolean {
  return (
    a.homeRegion === b.homeRegion &&
    a.mappingVariesByDestIp === b.mappingVariesByDestIp &&
    a.workingUdp === b.workingUdp &&
    a.upnp === b.upnp &&
    a.natpmp === b.natpmp &&
    a.pcp === b.pcp &&
    a.havePortMap === b.havePortMap &&
    a.workingIpv6 === b.workingIpv6 &&
    a.osHasIpv6 === b.osHasIpv6
  );
}
