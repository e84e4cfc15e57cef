import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeFailure, fail } from '../base/failure.js';
import type { IpAddress } from '../ip/address.js';
import {
  addPinhole,
  addPortMapping,
  decodeAnswer,
  deletePinhole,
  deletePortMapping,
  encodeAction,
  externalAddressOf,
  getExternalAddress,
  getPortMapping,
  getStatusInfo,
  isConnected,
  mappingEntryOf,
  pinholeIdOf,
  reservedPortOf,
} from './soap.js';
import { parseXml } from './xml.js';

const service = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const client = '192.168.1.5' as IpAddress;
const mapping = { externalPort: 50_123, internalPort: 41_641, client, leaseSeconds: 7200 };

const envelope = (inside: string) =>
  `<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ` +
  `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${inside}</s:Body></s:Envelope>\n`;
const response = (action: string, values: Record<string, string>) =>
  envelope(
    `<u:${action}Response xmlns:u="${service}">${Object.entries(values)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join('')}</u:${action}Response>`,
  );
const fault = (code: string) =>
  envelope(
    '<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>' +
      `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode>` +
      '<errorDescription>Conflict\u0007</errorDescription></UPnPError></detail></s:Fault>',
  );

function valuesOf(action: string, values: Record<string, string>): ReadonlyMap<string, string> {
  const answer = decodeAnswer(action, 200, response(action, values));
  if (answer instanceof DecodeFailure || answer.type !== 'values') throw new Error('no values');
  return answer.values;
}

describe('an action', () => {
  test('is an envelope with its arguments in the order of the specification', () => {
    const { headers, body } = encodeAction(service, addPortMapping(false, mapping));
    expect(headers).toEqual({
      'Content-Type': 'text/xml; charset="utf-8"',
      SOAPAction: `"${service}#AddPortMapping"`,
    });
    expect(body).toContain(
      `<u:AddPortMapping xmlns:u="${service}"><NewRemoteHost></NewRemoteHost>` +
        '<NewExternalPort>50123</NewExternalPort><NewProtocol>UDP</NewProtocol>' +
        '<NewInternalPort>41641</NewInternalPort><NewInternalClient>192.168.1.5</NewInternalClient>' +
        '<NewEnabled>1</NewEnabled><NewPortMappingDescription>warren</NewPortMappingDescription>' +
        '<NewLeaseDuration>7200</NewLeaseDuration></u:AddPortMapping>',
    );
  });

  test.each([
    [getStatusInfo, []],
    [getExternalAddress, []],
    [addPortMapping(true, mapping), ['', '50123', 'UDP', '41641', client, '1', 'warren', '7200']],
    [getPortMapping(50_123), ['', '50123', 'UDP']],
    [deletePortMapping(50_123), ['', '50123', 'UDP']],
    [
      addPinhole({ client: 'fd00::5' as IpAddress, internalPort: 41_641, leaseSeconds: 3600 }),
      ['', '0', 'fd00::5', '41641', '17', '3600'],
    ],
    [deletePinhole(7), ['7']],
  ])('%j is well-formed XML with its values', (action, values) => {
    const root = parseXml(encodeAction(service, action).body);
    if (root instanceof DecodeFailure) throw new Error(root.reason);
    const asked = root.children[0]?.children[0];
    expect(asked?.name).toBe(action.name);
    expect(asked?.children.map(({ text }) => text)).toEqual(values);
  });
});

describe('an answer', () => {
  test('has values', () => {
    const address = (text: string) =>
      externalAddressOf(valuesOf('GetExternalIPAddress', { NewExternalIPAddress: text }));
    expect(address('203.0.113.9')).toBe('203.0.113.9');
    expect(address('')).toBeUndefined();
    expect(address('2001:db8::1')).toBeUndefined();
    expect(address('203.0.113.9:80')).toBeUndefined();
    const status = (text: string) =>
      isConnected(valuesOf('GetStatusInfo', { NewConnectionStatus: text }));
    expect(['Connected', 'Up', 'Disconnected', ''].map(status)).toEqual([true, true, false, false]);
    const port = (text: string) =>
      reservedPortOf(valuesOf('AddAnyPortMapping', { NewReservedPort: text }));
    expect(['1', '65535', '0', '65536', '-1', 'x', '1e3', ''].map(port)).toEqual([
      1,
      65_535,
      ...new Array<undefined>(6).fill(undefined),
    ]);
    expect(pinholeIdOf(valuesOf('AddPinhole', { UniqueID: '9' }))).toBe(9);
  });

  test('an entry of the router’s list', () => {
    const values = valuesOf('GetSpecificPortMappingEntry', {
      NewInternalPort: '41641',
      NewInternalClient: '192.168.1.5',
      NewEnabled: '1',
      NewPortMappingDescription: 'warren',
      NewLeaseDuration: '7198',
    });
    expect(mappingEntryOf(values)).toEqual({
      client: '192.168.1.5',
      internalPort: 41_641,
      enabled: true,
      description: 'warren',
      leaseSeconds: 7198,
    });
    expect(mappingEntryOf(new Map([['NewEnabled', '0']]))).toEqual({
      client: '',
      internalPort: undefined,
      enabled: false,
      description: '',
      leaseSeconds: undefined,
    });
  });

  test('a fault is one whatever the status is; its words are made harmless', () => {
    for (const status of [500, 200, 403]) {
      expect(decodeAnswer('AddPortMapping', status, fault('718'))).toEqual({
        type: 'fault',
        code: 718,
        words: 'Conflict ',
      });
    }
  });

  test.each([
    ['a redirect', 302, response('GetStatusInfo', {}), 'soap-redirect'],
    ['an error page', 404, '<html><br></html>', 'soap-status'],
    ['an empty error', 500, '', 'soap-status'],
    ['an error with values', 503, response('GetStatusInfo', {}), 'soap-status'],
    ['a page', 200, '<html/>', 'soap-no-answer'],
    ['another answer', 200, response('GetExternalIPAddress', {}), 'soap-no-answer'],
    ['a fault without a number', 500, fault('abc'), 'soap-no-answer'],
    ['a fault with an endless number', 500, fault('1'.repeat(30)), 'soap-no-answer'],
    ['half an answer', 200, response('GetStatusInfo', {}).slice(0, -9), 'xml-truncated'],
    ['a DTD', 200, `<!DOCTYPE x>${response('GetStatusInfo', {})}`, 'xml-doctype'],
  ])('%s is refused', (_what, status, body, reason) => {
    expect(decodeAnswer('GetStatusInfo', status, body)).toBe(fail(reason));
  });

  test('damaged answers give a reason or values', () => {
    const whole = response('GetStatusInfo', { NewConnectionStatus: 'Connected' });
    const damage = fc.tuple(fc.nat(whole.length), fc.nat(20), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(damage, fc.integer({ min: 100, max: 599 }), ([at, cut, extra], status) => {
        const body = whole.slice(0, at) + extra + whole.slice(at + cut);
        const answer = decodeAnswer('GetStatusInfo', status, body);
        expect(answer instanceof DecodeFailure || answer.type).toBeTruthy();
      }),
    );
  });
});
