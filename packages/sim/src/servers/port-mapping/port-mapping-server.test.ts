import { type Instant, instant } from '@warren/core/base/instant';
import { encodeUtf8 } from '@warren/core/base/text';
import { type Endpoint, endpointAddress } from '@warren/core/ip/address';
import { describe, expect, test } from 'vitest';
import { PortMappings } from '../../nat/port-mappings.js';
import { ip, socket } from '../../topology/literals.js';
import { PORT_MAPPING_PROTOCOLS, type PortMappingService } from '../../topology/types.js';
import { CONTROL_PATH, DESCRIPTION_PATH, type IgdVersion } from './igd-description.js';
import { PortMappingServer } from './port-mapping-server.js';

const client = socket('192.168.1.5:40000');
const neighbour = socket('192.168.1.6:40000');
const router = socket('192.168.1.1:5351');
const group = socket('239.255.255.250:1900');
const start = instant(0);
const at = (seconds: number): Instant => instant(seconds * 1000);

interface Setting extends Partial<PortMappingService> {
  readonly wan?: string;
  readonly igd?: IgdVersion;
  readonly permanentOnly?: boolean;
}

function serverOf({ wan = '5.6.7.8', igd = 2, permanentOnly = false, ...service }: Setting = {}) {
  return new PortMappingServer({
    service: { protocols: PORT_MAPPING_PROTOCOLS, ...service },
    mappings: new PortMappings(service.dead === true),
    gateway: ip('192.168.1.1'),
    wan: () => ip(wan),
    startedAt: start,
    igd,
    permanentOnly,
  });
}

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const toHex = (bytes: Uint8Array | undefined): string =>
  Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A question at port 5351 and its answer, both as hex. */
function ask(
  server: PortMappingServer,
  question: string,
  now: Instant = start,
  source: Endpoint = client,
): string {
  return toHex(server.answers(source, router, fromHex(question), now)[0]);
}

describe('NAT-PMP', () => {
  test('tells its address and its epoch', () => {
    expect(ask(serverOf(), '0000', at(0x15180))).toBe('008000000001518005060708');
  });

  test('maps the internal port to the same one outside, and again to that when renewed', () => {
    const server = serverOf();
    expect(ask(server, '00010000a2a9000000001c20')).toBe('0081000000000000a2a9a2a900001c20');
    expect(server.mappings.target(41_641, at(7199))).toBe(socket('192.168.1.5:41641'));
    expect(ask(server, '00010000a2a9c3cb00001c20', at(3600))).toBe(
      '0081000000000e10a2a9a2a900001c20',
    );
    expect(server.mappings.target(41_641, at(3600 + 7199))).toBeDefined();
    expect(server.mappings.target(41_641, at(3600 + 7200))).toBeUndefined();
  });

  test('gives who comes second another port', () => {
    const server = serverOf();
    ask(server, '00010000a2a9000000001c20');
    expect(ask(server, '00010000a2a9000000001c20', start, neighbour)).toBe(
      '0081000000000000a2a9a2aa00001c20',
    );
  });

  test('takes back in both spellings, and what is not there', () => {
    for (const spelling of ['00010000a2a9000000000000', '00010000a2a9a2a900000000']) {
      const server = serverOf();
      ask(server, '00010000a2a9000000001c20');
      expect(ask(server, spelling)).toBe('0081000000000000a2a9000000000000');
      expect(server.mappings.list(start)).toEqual([]);
      expect(ask(server, spelling)).toBe('0081000000000000a2a9000000000000');
    }
  });

  test('refuses privileged ports, strange opcodes and short requests', () => {
    expect(ask(serverOf(), '000100000050000000001c20')).toBe('00810002000000000050000000000000');
    expect(ask(serverOf(), '0007')).toBe('0087000500000000');
    expect(ask(serverOf(), '00010000a2a9')).toBe('');
    expect(ask(serverOf(), '00810000a2a9000000001c20')).toBe('');
  });

  test('without a public address it knows no address and grants all the same', () => {
    for (const wan of ['100.64.0.5', '203.0.113.9', '10.1.2.3']) {
      const server = serverOf({ wan });
      expect(ask(server, '0000')).toBe('008000030000000000000000');
      expect(ask(server, '00010000a2a9000000001c20')).toBe('0081000000000000a2a9a2a900001c20');
    }
  });

  test('a liar tells another address', () => {
    const server = serverOf({ wan: '100.64.0.5', tells: ip('5.6.7.9') });
    expect(ask(server, '0000')).toBe('008000000000000005060709');
  });
});

describe('PCP', () => {
  const head = (lifetime: string, address = 'c0a80105'): string =>
    `02010000${lifetime}00000000000000000000ffff${address}`;
  const body = (external: string, nonce = 'c0c1c2c3c4c5c6c7c8c9cacb'): string =>
    `${nonce}11000000a2a9${external}`;
  const any = '000000000000000000000000ffff00000000';
  const mapped = 'a2a900000000000000000000ffff05060708';
  const request = head('00001c20') + body(any);

  test('announces its epoch', () => {
    const announce = '020000000000000000000000000000000000ffffc0a80105';
    expect(ask(serverOf(), announce, at(1000))).toBe(
      '0280000000000000000003e8000000000000000000000000',
    );
  });

  test('maps, renews for the nonce and deletes for it', () => {
    const server = serverOf();
    const granted = `0281000000001c20000003e9000000000000000000000000${body(mapped)}`;
    expect(ask(server, request, at(1001))).toBe(granted);
    const stranger = head('00001c20') + body(mapped, 'c0c1c2c3c4c5c6c7c8c9caff');
    expect(ask(server, stranger, at(1002)).slice(0, 8)).toBe('02810002');
    const release = head('00000000');
    expect(
      ask(server, release + body(mapped, 'c0c1c2c3c4c5c6c7c8c9caff'), at(1003)).slice(0, 8),
    ).toBe('02810002');
    expect(server.mappings.list(at(1003))).toHaveLength(1);
    expect(ask(server, head('00000e10') + body(mapped), at(1004)).slice(0, 16)).toBe(
      '0281000000000e10',
    );
    expect(ask(server, release + body(mapped), at(1005)).slice(0, 8)).toBe('02810000');
    expect(server.mappings.list(at(1005))).toEqual([]);
  });

  test('refuses a client address that is not the source', () => {
    expect(ask(serverOf(), head('00001c20', 'c0a80107') + body(any)).slice(0, 16)).toBe(
      '0281000c00000708',
    );
  });

  test('refuses other versions, opcodes, protocols and lengths', () => {
    expect(ask(serverOf(), `01${request.slice(2)}`).slice(0, 8)).toBe('02810001');
    expect(ask(serverOf(), `0202${request.slice(4)}`).slice(0, 8)).toBe('02820004');
    expect(ask(serverOf(), request.replace('cb11', 'cb2a')).slice(0, 8)).toBe('02810009');
    expect(ask(serverOf(), request.slice(0, -2)).slice(0, 8)).toBe('02810003');
    expect(ask(serverOf(), `${request}05000000`).slice(0, 8)).toBe('02810005');
    expect(ask(serverOf(), `${request}02000008`).slice(0, 8)).toBe('02810006');
  });

  test('with PREFER_FAILURE gives the wanted port or none', () => {
    const server = serverOf();
    ask(server, '00010000a2a9000000001c20', start, neighbour);
    const wanted = head('00001c20') + body(mapped);
    expect(ask(server, `${wanted}02000000`).slice(0, 8)).toBe('0281000b');
    expect(ask(server, wanted).slice(84, 88)).toBe('a2aa');
  });

  test('has no resources without a public address', () => {
    const server = serverOf({ wan: '100.64.0.5' });
    expect(ask(server, request).slice(0, 16)).toBe('028100080000001e');
    expect(server.mappings.list(start)).toEqual([]);
  });

  test('opens a pinhole for IPv6, with the same port', () => {
    const server = serverOf({ wan: '100.64.0.5' });
    const six = socket('[2a02:8109:b511:1::a]:40000');
    const address = '2a028109b5110001000000000000000a';
    const pinhole = `0201000000001c20${address}${body(`0000${'0'.repeat(32)}`)}`;
    const answer = toHex(
      server.answers(six, socket('[2a02:8109:b511:1::1]:5351'), fromHex(pinhole), start)[0],
    );
    expect(answer.slice(48)).toBe(body(`a2a9${address}`));
    expect(server.mappings.admits(socket('[2a02:8109:b511:1::a]:41641'), start)).toBe(true);
    expect(server.mappings.admits(socket('[2a02:8109:b511:1::b]:41641'), start)).toBe(false);
  });

  test('a reboot loses the mappings and begins the epoch anew; everybody is told', () => {
    const server = serverOf();
    ask(server, request, at(1001));
    server.reboot(at(2000));
    expect(server.mappings.list(at(2000))).toEqual([]);
    expect(server.announcements(at(2001)).map(toHex)).toEqual([
      '028000000000000000000001000000000000000000000000',
      '008000000000000105060708',
    ]);
  });
});

test('protocols that a router does not speak are silent', () => {
  const announce = '020000000000000000000000000000000000ffffc0a80105';
  const search = encodeUtf8(
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\nMAN: "ssdp:discover"\r\nMX: 2\r\n\r\n',
  );
  const heard = PORT_MAPPING_PROTOCOLS.map((only) => {
    const server = serverOf({ protocols: [only] });
    return [
      ask(server, announce) !== '',
      ask(server, '0000') !== '',
      server.answers(client, group, search, start).length > 0,
      server.http(
        endpointAddress(client),
        5000,
        { method: 'GET', path: DESCRIPTION_PATH, headers: {}, body: '' },
        start,
      ) !== undefined,
    ];
  });
  expect(heard).toEqual([
    [true, false, false, false],
    [false, true, false, false],
    [false, false, true, true],
  ]);
});

describe('UPnP', () => {
  const service = (igd: IgdVersion): string =>
    `urn:schemas-upnp-org:service:WANIPConnection:${igd}`;

  function call(
    server: PortMappingServer,
    name: string,
    args: Readonly<Record<string, string>> = {},
    { igd = 2 as IgdVersion, now = start, source = client } = {},
  ): string {
    const inside = Object.entries(args).map(([key, value]) => `<${key}>${value}</${key}>`);
    const answer = server.http(
      endpointAddress(source),
      5000,
      {
        method: 'POST',
        path: CONTROL_PATH,
        headers: { SOAPAction: `"${service(igd)}#${name}"` },
        body:
          '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
          `<u:${name} xmlns:u="${service(igd)}">${inside.join('')}</u:${name}></s:Body></s:Envelope>`,
      },
      now,
    );
    const fault = /<errorCode>(\d+)</.exec(answer?.body ?? '')?.[1];
    return fault ?? answer?.body ?? 'none';
  }

  const add = (port: string, lease = '7200', more: Readonly<Record<string, string>> = {}) => ({
    NewRemoteHost: '',
    NewExternalPort: port,
    NewProtocol: 'UDP',
    NewInternalPort: '41641',
    NewInternalClient: '192.168.1.5',
    NewEnabled: '1',
    NewPortMappingDescription: 'a &amp; b',
    NewLeaseDuration: lease,
    ...more,
  });

  test('answers searches for what it is, also as an older version', () => {
    const server = serverOf();
    const found = (target: string): string[] =>
      server
        .answers(
          client,
          group,
          encodeUtf8(
            `M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nst: ${target}\r\nMan: "ssdp:discover"\r\n\r\n`,
          ),
          start,
        )
        .map((bytes) => /ST: (\S+)/.exec(new TextDecoder().decode(bytes))?.[1] ?? '');
    const device = 'urn:schemas-upnp-org:device:InternetGatewayDevice';
    expect(found('ssdp:all')).toContain(`${device}:2`);
    expect(found(`${device}:1`)).toEqual([`${device}:1`]);
    expect(found(`${device}:3`)).toEqual([]);
    expect(found('urn:schemas-upnp-org:device:MediaServer:1')).toEqual([]);
    const [answer] = server.answers(client, group, encodeUtf8('NOTIFY * HTTP/1.1\r\n\r\n'), start);
    expect(answer).toBeUndefined();
  });

  test('describes itself, with the control URL of its connection', () => {
    const request = { method: 'GET', path: DESCRIPTION_PATH, headers: {}, body: '' } as const;
    const body = serverOf().http(endpointAddress(client), 5000, request, start)?.body ?? '';
    expect(body).toContain(`<serviceType>${service(2)}</serviceType>`);
    expect(body).toContain(`<controlURL>${CONTROL_PATH}</controlURL>`);
    expect(serverOf().http(endpointAddress(client), 80, request, start)).toBeUndefined();
  });

  test('maps, lists and deletes', () => {
    const server = serverOf();
    expect(call(server, 'AddPortMapping', add('41641'))).toContain('AddPortMappingResponse');
    expect(server.mappings.target(41_641, at(7199))).toBe(socket('192.168.1.5:41641'));
    const port = { NewRemoteHost: '', NewExternalPort: '41641', NewProtocol: 'UDP' };
    const entry = call(server, 'GetSpecificPortMappingEntry', port, { now: at(100) });
    expect(entry).toContain('<NewLeaseDuration>7100</NewLeaseDuration>');
    expect(entry).toContain('<NewPortMappingDescription>a &amp; b</NewPortMappingDescription>');
    expect(call(server, 'DeletePortMapping', port, { source: neighbour })).toBe('606');
    expect(call(server, 'DeletePortMapping', port)).toContain('DeletePortMappingResponse');
    expect(call(server, 'DeletePortMapping', port)).toBe('714');
    expect(call(server, 'GetSpecificPortMappingEntry', port)).toBe('714');
  });

  test('a port of somebody else is a conflict, or becomes another one', () => {
    const server = serverOf();
    ask(server, '00010000a2a9000000001c20', start, neighbour);
    expect(call(server, 'AddPortMapping', add('41641'))).toBe('718');
    expect(call(server, 'AddAnyPortMapping', add('41641'))).toContain(
      '<NewReservedPort>41642</NewReservedPort>',
    );
  });

  test('only its clients map, only to themselves, with arguments that mean something', () => {
    const server = serverOf();
    expect(call(server, 'AddPortMapping', add('0'))).toBe('716');
    expect(call(server, 'AddPortMapping', add('x'))).toBe('402');
    expect(call(server, 'AddPortMapping', add('41641', '1', { NewProtocol: 'udp' }))).toBe('402');
    expect(call(server, 'AddPortMapping', add('41641'), { source: neighbour })).toBe('606');
    expect(call(server, 'AddPortMapping', add('80'))).toBe('606');
    expect(call(server, 'SetConnectionType')).toBe('401');
    expect(server.mappings.list(start)).toEqual([]);
  });

  test('IGD 2 keeps a lease of 0 for a week, IGD 1 for ever; some IGD 1 want nothing else', () => {
    const [second, first] = [serverOf(), serverOf({ igd: 1, permanentOnly: true })];
    call(second, 'AddPortMapping', add('41641', '0'));
    expect(second.mappings.target(41_641, at(604_799))).toBeDefined();
    expect(second.mappings.target(41_641, at(604_800))).toBeUndefined();
    expect(call(first, 'AddPortMapping', add('41641'), { igd: 1 })).toBe('725');
    call(first, 'AddPortMapping', add('41641', '0'), { igd: 1 });
    expect(first.mappings.target(41_641, at(1e9))).toBeDefined();
    expect(call(first, 'AddAnyPortMapping', add('41641', '0'), { igd: 1 })).toBe('401');
  });

  test('without a public address it is connected, knows none and maps nothing', () => {
    const server = serverOf({ wan: '100.64.0.5' });
    expect(call(server, 'GetExternalIPAddress')).toContain(
      '<NewExternalIPAddress></NewExternalIPAddress>',
    );
    expect(call(server, 'GetStatusInfo')).toContain('>Connected<');
    expect(call(server, 'AddPortMapping', add('41641'))).toBe('501');
    expect(call(serverOf({ tells: ip('5.6.7.9') }), 'GetExternalIPAddress')).toContain('>5.6.7.9<');
  });
});

test('a dead server lists what it grants, and nothing arrives', () => {
  const server = serverOf({ dead: true });
  expect(ask(server, '00010000a2a9000000001c20')).toBe('0081000000000000a2a9a2a900001c20');
  expect(server.mappings.list(start)).toHaveLength(1);
  expect(server.mappings.target(41_641, start)).toBeUndefined();
});

test('a flood of requests fills a bounded table, and the rest is refused', () => {
  const server = serverOf();
  const answers = Array.from({ length: 400 }, (_, index) =>
    ask(server, `00010000${(2000 + index).toString(16).padStart(4, '0')}000000001c20`),
  );
  expect(server.mappings.list(start)).toHaveLength(256);
  expect(answers.at(-1)?.slice(0, 8)).toBe('00810004');
});
