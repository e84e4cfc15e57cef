/**
 * Actions on a UPnP internet gateway: SOAP 1.1 envelopes over HTTP POST (UPnP Device Architecture 1.1 section 3),
 * of WANIPConnection:1 and :2, and of WANIPv6FirewallControl:1.
 *
 *     us --> POST control URL, SOAPAction: "urn#Action", Envelope > Body > u:Action > arguments in their order
 *     router --> Envelope > Body > u:ActionResponse > values   or   Fault > detail > UPnPError > errorCode
 */
import { DecodeFailure, fail } from '../base/failure.js';
import { type IpAddress, parseAddress } from '../ip/address.js';
import type { Decoded } from '../ports.js';
import {
  childOf,
  childText,
  escapeXml,
  parseXml,
  type XmlElement,
  type XmlRefusal,
} from './xml.js';

/** Routers show it in their lists; by it we know our own entries again. */
export const mappingDescription = 'warren';

/** Some routers know it in capitals only. */
const udp = 'UDP';
/** Pinholes name the protocol by its number. */
const udpNumber = '17';
/** Of a fault's words, which people read. */
const wordsMaxChars = 120;

/** An action and its arguments, in the order that the service's description has. */
export interface SoapAction {
  readonly name: string;
  readonly values: readonly (readonly [string, string])[];
}

/** What the router answered by name, or its fault. */
export type SoapAnswer =
  | { readonly type: 'values'; readonly values: ReadonlyMap<string, string> }
  | { readonly type: 'fault'; readonly code: number; readonly words: string };

export type SoapRefusal = XmlRefusal | 'soap-redirect' | 'soap-status' | 'soap-no-answer';

export const getStatusInfo: SoapAction = { name: 'GetStatusInfo', values: [] };
export const getExternalAddress: SoapAction = { name: 'GetExternalIPAddress', values: [] };

export interface MappingArguments {
  readonly externalPort: number;
  readonly internalPort: number;
  readonly client: IpAddress;
  /** 0: permanent. */
  readonly leaseSeconds: number;
}

/** AddPortMapping: exactly that port; AddAnyPortMapping (version 2): the router may choose another. */
export function addPortMapping(any: boolean, mapping: MappingArguments): SoapAction {
  return {
    name: any ? 'AddAnyPortMapping' : 'AddPortMapping',
    values: [
      ['NewRemoteHost', ''],
      ['NewExternalPort', String(mapping.externalPort)],
      ['NewProtocol', udp],
      ['NewInternalPort', String(mapping.internalPort)],
      ['NewInternalClient', mapping.client],
      ['NewEnabled', '1'],
      ['NewPortMappingDescription', mappingDescription],
      ['NewLeaseDuration', String(mapping.leaseSeconds)],
    ],
  };
}

const entryKey = (externalPort: number): SoapAction['values'] => [
  ['NewRemoteHost', ''],
  ['NewExternalPort', String(externalPort)],
  ['NewProtocol', udp],
];

export function deletePortMapping(externalPort: number): SoapAction {
  return { name: 'DeletePortMapping', values: entryKey(externalPort) };
}

export function getPortMapping(externalPort: number): SoapAction {
  return { name: 'GetSpecificPortMappingEntry', values: entryKey(externalPort) };
}

export interface PinholeArguments {
  readonly client: IpAddress;
  readonly internalPort: number;
  /** 1 to 86400: pinholes are never permanent. */
  readonly leaseSeconds: number;
}

export function addPinhole({ client, internalPort, leaseSeconds }: PinholeArguments): SoapAction {
  return {
    name: 'AddPinhole',
    values: [
      ['RemoteHost', ''],
      ['RemotePort', '0'],
      ['InternalClient', client],
      ['InternalPort', String(internalPort)],
      ['Protocol', udpNumber],
      ['LeaseTime', String(leaseSeconds)],
    ],
  };
}

export function deletePinhole(uniqueId: number): SoapAction {
  return { name: 'DeletePinhole', values: [['UniqueID', String(uniqueId)]] };
}

/** Headers and body of the POST that asks `service` for an action. */
export function encodeAction(
  service: string,
  { name, values }: SoapAction,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const inside = values.map(([key, value]) => `<${key}>${escapeXml(value)}</${key}>`).join('');
  const body =
    '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${name} xmlns:u="${service}">${inside}</u:${name}></s:Body></s:Envelope>\r\n`;
  const headers = {
    'Content-Type': 'text/xml; charset="utf-8"',
    SOAPAction: `"${service}#${name}"`,
  };
  return { headers, body };
}

/** Reads what the router answered to `action`. A fault is an answer whatever the status says. */
export function decodeAnswer(
  action: string,
  status: number,
  body: string,
): Decoded<SoapAnswer, SoapRefusal> {
  if (status >= 300 && status < 400) return fail('soap-redirect');
  const envelope = parseXml(body);
  if (envelope instanceof DecodeFailure) return status === 200 ? envelope : fail('soap-status');
  const inside = childOf(envelope, 'Body');
  const fault = inside && childOf(inside, 'Fault');
  if (fault !== undefined) return faultOf(fault) ?? fail('soap-no-answer');
  if (status !== 200) return fail('soap-status');
  const response = inside && childOf(inside, `${action}Response`);
  if (response === undefined) return fail('soap-no-answer');
  return { type: 'values', values: new Map(response.children.map((one) => [one.name, one.text])) };
}

function faultOf(fault: XmlElement): SoapAnswer | undefined {
  const detail = childOf(fault, 'detail');
  const error = detail && childOf(detail, 'UPnPError');
  const written = error === undefined ? '' : childText(error, 'errorCode');
  if (error === undefined || !/^\d{1,4}$/.test(written)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would reach a terminal
  const words = childText(error, 'errorDescription').replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  return { type: 'fault', code: Number(written), words: words.slice(0, wordsMaxChars) };
}

type Values = ReadonlyMap<string, string>;

/** The external address of GetExternalIPAddress; undefined: none that is an IPv4 address. */
export function externalAddressOf(values: Values): IpAddress | undefined {
  const address = parseAddress(values.get('NewExternalIPAddress') ?? '');
  return address?.includes(':') ? undefined : address;
}

/** Whether GetStatusInfo says that the line is up. */
export function isConnected(values: Values): boolean {
  const status = values.get('NewConnectionStatus') ?? '';
  return status === 'Connected' || status === 'Up';
}

/** The port that AddAnyPortMapping reserved. */
export function reservedPortOf(values: Values): number | undefined {
  return numberOf(values, 'NewReservedPort', 1, 65_535);
}

/** The name of a pinhole that AddPinhole made. */
export function pinholeIdOf(values: Values): number | undefined {
  return numberOf(values, 'UniqueID', 0, 65_535);
}

export interface MappingEntry {
  readonly client: string;
  readonly internalPort: number | undefined;
  readonly enabled: boolean;
  readonly description: string;
  /** What is left of it; 0: permanent, or the router doesn't know leases. */
  readonly leaseSeconds: number | undefined;
}

/** The entry of GetSpecificPortMappingEntry. */
export function mappingEntryOf(values: Values): MappingEntry {
  const enabled = values.get('NewEnabled') ?? '';
  return {
    client: values.get('NewInternalClient') ?? '',
    internalPort: numberOf(values, 'NewInternalPort', 1, 65_535),
    enabled: enabled !== '0' && enabled.toLowerCase() !== 'false',
    description: values.get('NewPortMappingDescription') ?? '',
    leaseSeconds: numberOf(values, 'NewLeaseDuration', 0, 0xffff_ffff),
  };
}

function numberOf(values: Values, name: string, low: number, high: number): number | undefined {
  const written = values.get(name) ?? '';
  const value = /^\d{1,10}$/.test(written) ? Number(written) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}
