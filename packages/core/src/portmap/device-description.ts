/**
 * A router's description of itself (UPnP Device Architecture 1.1 section 2.3): devices inside devices, each with
 * services, of which we want those that map ports and those that open IPv6 pinholes.
 *
 *     root > URLBase?
 *          > device > serviceList > service > serviceType, controlURL
 *                   > deviceList > device ...
 */
import { DecodeFailure } from '../base/failure.js';
import { type Endpoint, endpointAddress } from '../ip/address.js';
import type { Decoded } from '../ports.js';
import {
  absolutePath,
  hostsToTry,
  isOnLan,
  type Lan,
  type LanUrl,
  parseLanUrl,
} from './lan-url.js';
import { childOf, childText, parseXml, type XmlElement, type XmlRefusal } from './xml.js';

/** Those that map ports, the best first: version 2 may choose another port, the last two are of the DSL forum's time. */
export const mappingServices = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
  'urn:dslforum-org:service:WANPPPConnection:1',
  'urn:dslforum-org:service:WANIPConnection:1',
] as const;

/** Opens pinholes in an IPv6 firewall. */
export const pinholeService = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';

/** Of one description; a real one has two, for the line and for the dial-up over it. */
const servicesMax = 8;
/** Of model and name, which people read. */
const nameMaxChars = 80;

export interface ControlPoint {
  /** Its URN, one of ours. */
  readonly service: string;
  /** Where it may be asked, in this order; at least one, all on the LAN. */
  readonly hosts: readonly Endpoint[];
  readonly path: string;
}

export interface DeviceDescription {
  /** As the router calls itself, for people. */
  readonly name: string;
  /** The best first. */
  readonly mapping: readonly ControlPoint[];
  readonly pinhole: ControlPoint | undefined;
  /** Services of ours that were left out because their address is none that we would ask. */
  readonly refused: number;
}

/** Reads the description that was fetched at `location`. */
export function parseDescription(
  text: string,
  location: LanUrl,
  lan: Lan,
): Decoded<DeviceDescription, XmlRefusal> {
  const root = parseXml(text);
  if (root instanceof DecodeFailure) return root;
  const base = baseOf(root, location, lan);
  const found: ControlPoint[] = [];
  let refused = 0;
  for (const { type, controlUrl } of wantedServices(root)) {
    const point = controlPoint(type, controlUrl, base, lan);
    if (point === undefined) refused += 1;
    else if (found.length < servicesMax) found.push(point);
  }
  const device = childOf(root, 'device');
  const name = device === undefined ? '' : nameOf(device);
  return {
    name,
    mapping: mappingServices.flatMap((wanted) => found.filter((one) => one.service === wanted)),
    pinhole: found.find(({ service }) => service === pinholeService),
    refused,
  };
}

/** What relative addresses are relative to: URLBase when it can be asked at all, else where the description was. */
function baseOf(root: XmlElement, location: LanUrl, lan: Lan): LanUrl {
  const written = parseLanUrl(childText(root, 'URLBase'));
  if (written instanceof DecodeFailure) return location;
  return isOnLan(endpointAddress(written.host), lan)
    ? written
    : { ...written, host: location.host };
}

function* wantedServices(
  element: XmlElement,
): Generator<{ readonly type: string; readonly controlUrl: string }> {
  // The reader bounds depth and number of elements.
  for (const child of element.children) {
    if (child.name === 'service') {
      const type = childText(child, 'serviceType');
      const ours = type === pinholeService || mappingServices.some((wanted) => wanted === type);
      if (ours) yield { type, controlUrl: childText(child, 'controlURL') };
    } else {
      yield* wantedServices(child);
    }
  }
}

function controlPoint(
  service: string,
  written: string,
  base: LanUrl,
  lan: Lan,
): ControlPoint | undefined {
  if (written === '') return undefined;
  if (/^[a-z][a-z0-9+.-]*:/i.test(written)) {
    const url = parseLanUrl(written);
    if (url instanceof DecodeFailure) return undefined;
    return { service, hosts: hostsToTry(url.host, lan), path: url.path };
  }
  const path = written.startsWith('//') ? undefined : absolutePath(base.path, written);
  return path === undefined ? undefined : { service, hosts: hostsToTry(base.host, lan), path };
}

function nameOf(device: XmlElement): string {
  const words = [childText(device, 'friendlyName'), childText(device, 'modelName')];
  const [best = ''] = words.filter((word) => word !== '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would reach a terminal
  return best.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, nameMaxChars);
}
