/** What the port mapper found, in the words of the local API. Pure. */
import type { Instant } from '@warren/core/base/instant';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import type { MethodReport, RouterReport } from '@warren/core/portmap/mapper-report';
import type {
  PortMapReport,
  ProtocolReportJson,
  RouterReportJson,
} from '../local-api/portmap-report.js';

/** `routers`: undefined when none is asked; `nat`: undefined while no engine runs. */
export function portMapJson(
  routers: readonly RouterReport[] | undefined,
  nat: NatDescription | undefined,
  now: Instant,
): PortMapReport {
  return {
    enabled: routers !== undefined,
    seen: nat?.ipv4.mapped ?? null,
    cgnat: nat?.cgnat ?? null,
    routers: (routers ?? []).flatMap((router) => routerJson(router, now)),
  };
}

function routerJson(
  { family, gateway, self, internalPort, methods }: RouterReport,
  now: Instant,
): RouterReportJson[] {
  if (gateway === undefined || self === undefined) return [];
  const protocols = methods.map((method) => protocolJson(method, now));
  return [{ family, gateway, self, internalPort: internalPort ?? null, protocols }];
}

function protocolJson(method: MethodReport, now: Instant): ProtocolReportJson {
  const { protocol, state, address, epoch, devices, mapping } = method;
  const inMs = (at: Instant | undefined): number | null =>
    at === undefined ? null : Math.max(0, Math.round(at - now));
  return {
    protocol,
    state,
    present: method.isPresent ?? null,
    externalAddress: address ?? null,
    epoch:
      epoch === undefined
        ? null
        : { seconds: epoch.seconds, toldAgoMs: Math.max(0, Math.round(now - epoch.at)) },
    devices,
    error: method.error ?? null,
    retryInMs: inMs(method.retryAt),
    mapping:
      mapping === undefined
        ? null
        : {
            external: mapping.external,
            public: mapping.isPublic,
            lifetimeMs: Number.isFinite(mapping.lifetimeMs) ? mapping.lifetimeMs : null,
            renewsInMs: inMs(method.renewsAt),
            expiresInMs: inMs(method.expiresAt),
          },
  };
}
