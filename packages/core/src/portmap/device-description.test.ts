import { describe, expect, test } from 'vitest';
import { DecodeFailure, fail } from '../base/failure.js';
import { type Endpoint, type IpAddress, parseEndpoint } from '../ip/address.js';
import { type DeviceDescription, parseDescription } from './device-description.js';

const lan = { gateway: '192.168.1.1' as IpAddress, self: '192.168.1.5' as IpAddress };
const location = {
  host: parseEndpoint('192.168.1.1:5000') as Endpoint,
  path: '/igd/rootDesc.xml',
};

const service = (type: string, controlUrl: string) =>
  `<service><serviceType>${type}</serviceType><controlURL>${controlUrl}</controlURL></service>`;

/** Nested as IGD devices are: the services that we want stand three devices deep. */
function description(services: string, base = ''): string {
  return `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">${base}
 <device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
  <friendlyName>Router &amp; more</friendlyName><modelName>M1</modelName>
  <serviceList>${service('urn:schemas-upnp-org:service:Layer3Forwarding:1', '/ctl/L3F')}</serviceList>
  <deviceList><device><deviceList><device>
   <serviceList>${services}</serviceList>
  </device></deviceList></device></deviceList>
 </device></root>`;
}

function read(text: string): DeviceDescription {
  const described = parseDescription(text, location, lan);
  if (described instanceof DecodeFailure) throw new Error(described.reason);
  return described;
}

const ip1 = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const ip2 = 'urn:schemas-upnp-org:service:WANIPConnection:2';
const ppp1 = 'urn:schemas-upnp-org:service:WANPPPConnection:1';
const dslIp = 'urn:dslforum-org:service:WANIPConnection:1';
const dslPpp = 'urn:dslforum-org:service:WANPPPConnection:1';
const firewall = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';

describe('a device description', () => {
  test('gives the services that map ports, the best first, and the one that opens pinholes', () => {
    const all = [dslIp, dslPpp, ppp1, firewall, ip1, ip2].map((type, i) => service(type, `/c${i}`));
    const { name, mapping, pinhole } = read(description(all.join('')));
    expect(name).toBe('Router & more');
    expect(mapping.map((point) => point.service)).toEqual([ip2, ip1, ppp1, dslPpp, dslIp]);
    expect(mapping[0]).toEqual({ service: ip2, hosts: ['192.168.1.1:5000'], path: '/c5' });
    expect(pinhole).toEqual({ service: firewall, hosts: ['192.168.1.1:5000'], path: '/c3' });
  });

  test.each([
    ['/ctl', '', ['192.168.1.1:5000'], '/ctl'],
    ['ctl?a=1', '', ['192.168.1.1:5000'], '/igd/ctl?a=1'],
    ['http://192.168.1.1:49152/ctl', '', ['192.168.1.1:49152'], '/ctl'],
    ['http://192.168.1.7:80/c', '', ['192.168.1.7:80', '192.168.1.1:80'], '/c'],
    ['http://203.0.113.9:80/c', '', ['192.168.1.1:80'], '/c'],
    ['/c', '<URLBase>http://192.168.1.1:6000/</URLBase>', ['192.168.1.1:6000'], '/c'],
    ['c', '<URLBase>http://192.168.1.1:6000/d/</URLBase>', ['192.168.1.1:6000'], '/d/c'],
    ['c', '<URLBase>http://203.0.113.9:6000/d/</URLBase>', ['192.168.1.1:5000'], '/d/c'],
    ['/c', '<URLBase>https://router.lan/</URLBase>', ['192.168.1.1:5000'], '/c'],
  ])('%s of %j is asked at %j', (controlUrl, base, hosts, path) => {
    expect(read(description(service(ip1, controlUrl), base)).mapping).toEqual([
      { service: ip1, hosts, path },
    ]);
  });

  test.each([
    '',
    'https://192.168.1.1/c',
    'ftp://192.168.1.1/c',
    '//203.0.113.9/c',
    '/a b',
    'http://x/c',
  ])('a control address %j is left out and counted', (controlUrl) => {
    expect(read(description(service(ip1, controlUrl)))).toMatchObject({ mapping: [], refused: 1 });
  });

  test('a hundred services are no more than eight', () => {
    const many = Array.from({ length: 100 }, (_, i) => service(ip1, `/c${i}`)).join('');
    expect(read(description(many)).mapping).toHaveLength(8);
  });

  test('what is no description has no services, what is no XML a reason', () => {
    expect(read('<html><body/></html>')).toMatchObject({ mapping: [], name: '' });
    expect(parseDescription('<html><br></html>', location, lan)).toBe(fail('xml-malformed'));
    const whole = description(service(ip1, '/c'));
    for (let length = 0; length < whole.length; length += 7) {
      expect(parseDescription(whole.slice(0, length), location, lan)).toBeInstanceOf(DecodeFailure);
    }
  });

  test('a name has no characters that a terminal obeys, and a length', () => {
    const named = `<root><device><friendlyName>a&#27;[2J${'b'.repeat(200)}</friendlyName></device></root>`;
    expect(read(named).name).toBe(`a [2J${'b'.repeat(75)}`);
  });
});
