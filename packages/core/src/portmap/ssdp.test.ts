import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeFailure, fail } from '../base/failure.js';
import { mutations } from '../base/mutations.js';
import { decodeUtf8, encodeUtf8 } from '../base/text.js';
import { type IpAddress, parseAddress } from '../ip/address.js';
import { hostsToTry, isOnLan, parseLanUrl } from './lan-url.js';
import {
  compareAnswers,
  decodeSearchAnswer,
  encodeSearch,
  type SsdpAnswer,
  searches,
} from './ssdp.js';

const gatewayType = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';

/** As Debian's miniupnpd 2.3 answers, with an address of documentation. */
const answer = [
  'HTTP/1.1 200 OK',
  'CACHE-CONTROL: max-age=120',
  `ST: ${gatewayType}`,
  `USN: uuid:00000000-0000-4000-8000-000000000001::${gatewayType}`,
  'EXT:',
  'SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1',
  'LOCATION: http://192.168.1.1:5000/rootDesc.xml',
  'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01',
  '01-NLS: 1',
  '',
  '',
].join('\r\n');

const ip = (text: string): IpAddress => parseAddress(text) as IpAddress;
const lan = { gateway: ip('192.168.1.1'), self: ip('192.168.1.5') };
const changed = (from: string | RegExp, to: string) =>
  decodeSearchAnswer(encodeUtf8(answer.replace(from, to)));

describe('a search', () => {
  test('is a request over UDP, as routers expect it', () => {
    expect(decodeUtf8(encodeSearch('all'))).toBe(
      'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\nMAN: "ssdp:discover"\r\nMX: 2\r\n\r\n',
    );
    expect(decodeUtf8(encodeSearch('gateway'))).toContain(`\r\nST: ${gatewayType}\r\n`);
  });

  test('goes to the gateway itself first, then to all, then to all gateways', () => {
    expect(searches(lan.gateway)).toEqual([
      { target: '192.168.1.1:1900', bytes: encodeSearch('all') },
      { target: '239.255.255.250:1900', bytes: encodeSearch('all') },
      { target: '239.255.255.250:1900', bytes: encodeSearch('gateway') },
    ]);
  });
});

describe('an answer', () => {
  test('tells where the description is', () => {
    expect(decodeSearchAnswer(encodeUtf8(answer))).toEqual({
      location: { host: '192.168.1.1:5000', path: '/rootDesc.xml' },
      server: 'Debian/12 UPnP/1.1 MiniUPnPd/2.3.1',
      usn: `uuid:00000000-0000-4000-8000-000000000001::${gatewayType}`,
      st: gatewayType,
    });
  });

  test('may have headers in any case, bare line feeds, and be of HTTP/1.0', () => {
    expect(changed(/LOCATION: /, 'location:')).toEqual(decodeSearchAnswer(encodeUtf8(answer)));
    const plain = answer.replaceAll('\r\n', '\n').replace('HTTP/1.1', 'HTTP/1.0');
    expect(decodeSearchAnswer(encodeUtf8(plain))).toEqual(decodeSearchAnswer(encodeUtf8(answer)));
  });

  test.each([
    ['another device', /InternetGatewayDevice/g, 'MediaServer', 'ssdp-no-gateway'],
    ['an error', '200 OK', '500 No', 'ssdp-status'],
    ['an announcement', 'HTTP/1.1 200 OK', 'NOTIFY * HTTP/1.1', 'ssdp-not-an-answer'],
    ['no location', 'LOCATION', 'LOCATIONS', 'ssdp-no-location'],
    ['https', 'http://192', 'https://192', 'url-not-http'],
    ['a file', 'http://192.168.1.1:5000', 'file:///etc', 'url-not-http'],
    ['a name', '192.168.1.1', 'router.lan', 'url-not-literal'],
    ['IPv6', '192.168.1.1:5000', '[fe80::1]:5000', 'url-malformed'],
    ['a user', '192.168.1.1', 'a@192.168.1.1', 'url-malformed'],
    ['port 0', ':5000', ':0', 'url-malformed'],
    ['port 65536', ':5000', ':65536', 'url-malformed'],
    ['a path with a space', '/rootDesc.xml', '/root Desc.xml', 'url-malformed'],
    ['a path with a fragment', '/rootDesc.xml', '/root#Desc', 'url-malformed'],
    ['an endless path', '/rootDesc.xml', `/${'a'.repeat(600)}`, 'url-malformed'],
    ['too many bytes', 'EXT:', `EXT: ${'a'.repeat(1500)}`, 'ssdp-too-long'],
  ] as const)('with %s is refused', (_what, from, to, reason) => {
    expect(changed(from, to)).toBe(fail(reason));
  });

  test('may leave the port out, and the path', () => {
    expect(changed(':5000/rootDesc.xml', '')).toMatchObject({
      location: { host: '192.168.1.1:80', path: '/' },
    });
  });

  test('answers of several devices have one order: newer kinds of gateways first', () => {
    const of = (usn: string, host: string): SsdpAnswer => ({
      location: { host: host as SsdpAnswer['location']['host'], path: '/' },
      server: '',
      usn,
      st: '',
    });
    const one = of('uuid:a::urn:schemas-upnp-org:device:InternetGatewayDevice:1', '192.168.1.1:80');
    const two = of('uuid:a::urn:schemas-upnp-org:device:InternetGatewayDevice:2', '192.168.1.9:80');
    const far = of('uuid:a::urn:schemas-upnp-org:device:InternetGatewayDevice:1', '192.168.1.7:80');
    for (const order of [
      [one, two, far],
      [far, two, one],
      [two, far, one],
    ]) {
      expect(order.sort(compareAnswers)).toEqual([two, one, far]);
    }
  });

  test('damaged answers and random bytes give a reason or an answer whose location is a literal', () => {
    const check = (bytes: Uint8Array) => {
      const read = decodeSearchAnswer(bytes);
      if (read instanceof DecodeFailure) expect(read.reason).toMatch(/^(ssdp|url)-/);
      else expect(read.location.host).toMatch(/^\d+\.\d+\.\d+\.\d+:\d+$/);
    };
    for (const bytes of mutations(encodeUtf8(answer))) check(bytes);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1600 }), check));
  });
});

describe('addresses of the LAN', () => {
  test.each([
    ['192.168.1.1', true],
    ['192.168.1.77', true],
    ['192.168.1.5', false],
    ['192.168.2.1', false],
    ['203.0.113.9', false],
    ['127.0.0.1', false],
    ['239.255.255.250', false],
    ['fe80::1', false],
  ])('%s: %s', (address, expected) => {
    expect(isOnLan(ip(address), lan)).toBe(expected);
  });

  test('where a device tells another address than the gateway’s, both are tried', () => {
    const hosts = (url: string) => {
      const parsed = parseLanUrl(url);
      return parsed instanceof DecodeFailure ? parsed.reason : hostsToTry(parsed.host, lan);
    };
    expect(hosts('http://192.168.1.1:5000/')).toEqual(['192.168.1.1:5000']);
    expect(hosts('http://192.168.1.9:5000/')).toEqual(['192.168.1.9:5000', '192.168.1.1:5000']);
    expect(hosts('http://203.0.113.9:5000/')).toEqual(['192.168.1.1:5000']);
    expect(hosts('http://127.0.0.1:5000/')).toEqual(['192.168.1.1:5000']);
    expect(hosts('http://192.168.1.5:5000/')).toEqual(['192.168.1.1:5000']);
  });
});
