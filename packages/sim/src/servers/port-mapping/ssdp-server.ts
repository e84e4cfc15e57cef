/**
 * A router's side of SSDP (UPnP Device Architecture 1.1 §1.3): answers to M-SEARCH, by unicast or to the group
 * 239.255.255.250, one datagram for each device or service that fits.
 *
 *     M-SEARCH * HTTP/1.1        HOST, MAN: "ssdp:discover", MX, ST
 *     HTTP/1.1 200 OK            CACHE-CONTROL, ST, USN, EXT, SERVER, LOCATION
 */
import { decodeUtf8, encodeUtf8 } from '@warren/core/base/text';
import type { IgdVersion } from './igd-description.js';

export interface SsdpOptions {
  readonly uuid: string;
  readonly location: string;
  readonly igd: IgdVersion;
}

/** Longer ones are no searches. */
const SEARCH_BYTES_MAX = 1500;
const SERVER = 'Linux/6.1 UPnP/1.1 ModelRouter/1.0';

export class SsdpServer {
  readonly #options: SsdpOptions;

  constructor(options: SsdpOptions) {
    this.#options = options;
  }

  answers(bytes: Uint8Array): Uint8Array[] {
    const wanted = searchTarget(bytes);
    if (wanted === undefined) return [];
    const all = this.#targets();
    if (wanted === 'ssdp:all') return all.map((target) => this.#answer(target));
    const fits = all.find((target) => target === wanted || isOlder(wanted, target));
    // An older version that was asked for is answered as such (§1.3.2).
    return fits === undefined ? [] : [this.#answer(wanted)];
  }

  #targets(): string[] {
    const { igd, uuid } = this.#options;
    const device = (name: string): string => `urn:schemas-upnp-org:device:${name}:${igd}`;
    const service = (name: string, version: number): string =>
      `urn:schemas-upnp-org:service:${name}:${version}`;
    return [
      'upnp:rootdevice',
      device('InternetGatewayDevice'),
      device('WANConnectionDevice'),
      device('WANDevice'),
      service('WANIPConnection', igd),
      `uuid:${uuid}`,
    ];
  }

  #answer(target: string): Uint8Array {
    const { uuid, location } = this.#options;
    const usn = target.startsWith('uuid:') ? target : `uuid:${uuid}::${target}`;
    const lines = [
      'HTTP/1.1 200 OK',
      'CACHE-CONTROL: max-age=120',
      `ST: ${target}`,
      `USN: ${usn}`,
      'EXT:',
      `SERVER: ${SERVER}`,
      `LOCATION: ${location}`,
      'Content-Length: 0',
    ];
    return encodeUtf8(`${lines.join('\r\n')}\r\n\r\n`);
  }
}

/** What an M-SEARCH looks for; undefined: it is none. */
function searchTarget(bytes: Uint8Array): string | undefined {
  if (bytes.length > SEARCH_BYTES_MAX) return undefined;
  const text = decodeUtf8(bytes);
  if (text === undefined) return undefined;
  const [first, ...rest] = text.split('\r\n');
  if (first !== 'M-SEARCH * HTTP/1.1') return undefined;
  const header = (name: string): string | undefined =>
    rest
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  return header('man') === '"ssdp:discover"' ? header('st') : undefined;
}

/** The same name with a smaller version. */
function isOlder(wanted: string, offered: string): boolean {
  const [name, version] = splitVersion(wanted);
  const [offeredName, offeredVersion] = splitVersion(offered);
  return name === offeredName && version >= 1 && version < offeredVersion;
}

function splitVersion(urn: string): readonly [string, number] {
  const colon = urn.lastIndexOf(':');
  return [urn.slice(0, colon), Number(urn.slice(colon + 1))];
}
