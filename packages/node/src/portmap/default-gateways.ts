/** Where the default routes lead, as `ip -json route` tells: whom to ask for port mappings, and from which address. */
import { execFile } from 'node:child_process';
import { asArray, asObject, asString, parseJson } from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { familyOf, type IpAddress, type IpFamily, parseAddress } from '@warren/core/ip/address';

const ROUTE_TIMEOUT_MS = 2_000;
/** Of a device's name or an address. */
const MAX_TEXT = 64;
/** Any address beyond the default route; nothing is sent there. */
const FAR = { 4: '192.88.99.1', 6: '2000::' } as const;

export interface Gateway {
  readonly gateway: IpAddress;
  /** Our address towards it. */
  readonly self: IpAddress;
  /** Its interface: link-local addresses of IPv6 mean nothing without. */
  readonly device: string;
}

/** The gateway of a family; undefined: there is none, or it leads into a tunnel. */
export async function findGateway(family: IpFamily, tunName: string): Promise<Gateway | undefined> {
  const [route] = await routes(family, ['get', FAR[family]]);
  if (route === undefined || route.device === tunName) return undefined;
  return parseGateway(route, family);
}

interface Route {
  readonly gateway: string | undefined;
  readonly device: string;
  readonly source: string | undefined;
}

function parseGateway(route: Route, family: IpFamily): Gateway | undefined {
  const gateway = parseAddress(route.gateway ?? '');
  const self = parseAddress(route.source ?? '');
  if (gateway === undefined || self === undefined) return undefined;
  if (familyOf(gateway) !== family || familyOf(self) !== family) return undefined;
  return { gateway, self, device: route.device };
}

/** Of the output of `ip -json route get`. */
export function parseRoutes(text: string): readonly Route[] {
  return asArray(parseJson(encodeUtf8(text))).flatMap((entry): Route[] => {
    const object = asObject(entry);
    const device = asString(object?.['dev'], MAX_TEXT);
    if (device === undefined) return [];
    const [gateway, source] = [
      asString(object?.['gateway'], MAX_TEXT),
      asString(object?.['prefsrc'], MAX_TEXT),
    ];
    return [{ gateway, device, source }];
  });
}

function routes(family: IpFamily, args: readonly string[]): Promise<readonly Route[]> {
  return new Promise((resolve) => {
    execFile(
      'ip',
      ['-json', `-${family}`, 'route', ...args],
      { timeout: ROUTE_TIMEOUT_MS },
      // No route is an error of `ip`, and no trouble.
      (error, stdout) => resolve(error === null ? parseRoutes(stdout) : []),
    );
  });
}
