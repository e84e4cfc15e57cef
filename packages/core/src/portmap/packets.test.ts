import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { instant } from '../base/instant.js';
import { mutations } from '../base/mutations.js';
import type { IpAddress } from '../ip/address.js';
import { EpochWatch } from './epoch.js';
import { externalScope } from './external-address.js';
import { decodeNatPmpResponse, encodeExternalAddressRequest, encodeNatPmpMap } from './natpmp.js';
import { decodePcpResponse, encodeAnnounce, encodePcpMap, pcpResultWords } from './pcp.js';
import { natpmpVectors, pcpEpochVectors, pcpVectors } from './vectors.js';

const self = '192.168.1.5' as IpAddress;
const [internalPort, externalPort, lifetimeSeconds] = [41_641, 50_123, 7200];
const nonce = hexLiteral('c0c1c2c3c4c5c6c7c8c9cacb');

describe('NAT-PMP', () => {
  test('requests', () => {
    expect(encodeHex(encodeExternalAddressRequest())).toBe(natpmpVectors.externalAddressRequest);
    const map = (port: number, lifetime: number) =>
      encodeHex(encodeNatPmpMap({ internalPort, externalPort: port, lifetimeSeconds: lifetime }));
    expect(map(0, lifetimeSeconds)).toBe(natpmpVectors.mapRequest);
    expect(map(externalPort, lifetimeSeconds)).toBe(natpmpVectors.mapRenewal);
    expect(map(0, 0)).toBe(natpmpVectors.mapDelete);
  });

  test.each([
    [
      'externalAddressResponse',
      { type: 'external-address', epochSeconds: 86_400, address: '203.0.113.9' },
    ],
    [
      'mapResponse',
      { type: 'map', epochSeconds: 86_401, internalPort, externalPort, lifetimeSeconds },
    ],
    ['mapRefused', { type: 'error', opcode: 1, result: 2, internalPort }],
    ['unsupportedVersion', { type: 'error', opcode: 0, result: 1, internalPort: undefined }],
  ] as const)('%s', (name, response) => {
    expect(decodeNatPmpResponse(hexLiteral(natpmpVectors[name]))).toEqual(response);
  });

  test.each([
    ['', 'natpmp-length'],
    ['00800000', 'natpmp-length'],
    ['0080000000015180', 'natpmp-length'], // a success has an address
    ['0080000000015180cb00710900', 'natpmp-length'],
    ['0081000000015181a2a9c3cb00001c2000', 'natpmp-length'],
    ['0280000000015180cb007109', 'natpmp-version'],
    ['0000000000015180cb007109', 'natpmp-opcode'], // a request, reflected
    ['0082000000015181a2a9c3cb00001c20', 'natpmp-opcode'], // TCP was never asked
  ])('%s is refused as %s', (hex, reason) => {
    expect(decodeNatPmpResponse(hexLiteral(hex))).toMatchObject({ reason });
  });
});

describe('PCP', () => {
  const request = { self, nonce, internalPort, lifetimeSeconds };
  const mapped = { externalPort, externalAddress: '203.0.113.9' as IpAddress };

  test('requests', () => {
    expect(encodeHex(encodeAnnounce(self))).toBe(pcpVectors.announceRequest);
    const first = { ...request, externalPort: 0, externalAddress: undefined };
    expect(encodeHex(encodePcpMap(first))).toBe(pcpVectors.mapRequest);
    const renewal = { ...request, ...mapped };
    expect(encodeHex(encodePcpMap(renewal))).toBe(pcpVectors.mapRenewal);
    const deletion = { ...renewal, lifetimeSeconds: 0 };
    expect(encodeHex(encodePcpMap(deletion))).toBe(pcpVectors.mapDelete);
  });

  test('a request for IPv6 asks for any IPv6 address', () => {
    const bytes = encodePcpMap({
      ...request,
      self: '2600:db8:1::5' as IpAddress,
      externalPort: 0,
      externalAddress: undefined,
    });
    expect(encodeHex(bytes.subarray(8, 24))).toBe('26000db8000100000000000000000005');
    expect(encodeHex(bytes.subarray(44))).toBe('0'.repeat(32));
  });

  const ids = { nonce: encodeHex(nonce), isUdp: true, internalPort };
  test.each([
    ['announceResponse', { type: 'announce', result: 0, lifetimeSeconds: 0, epochSeconds: 1000 }],
    [
      'mapResponse',
      { type: 'map', result: 0, lifetimeSeconds, epochSeconds: 1001, ...ids, ...mapped },
    ],
    ['mapNotAuthorised', { type: 'map', result: 2, lifetimeSeconds: 1800, ...ids }],
    ['mapAddressMismatch', { type: 'map', result: 12, lifetimeSeconds: 1800, ...ids }],
  ] as const)('%s', (name, response) => {
    expect(decodePcpResponse(hexLiteral(pcpVectors[name]))).toMatchObject(response);
  });

  test('an error that has lost its body keeps its result', () => {
    const short = hexLiteral(pcpVectors.mapNotAuthorised).subarray(0, 24);
    expect(decodePcpResponse(short)).toMatchObject({ type: 'error', opcode: 1, result: 2 });
  });

  test.each([
    [pcpVectors.mapResponse.slice(0, 48), 'pcp-length'],
    [pcpVectors.mapResponse.slice(0, -2), 'pcp-length'],
    [pcpVectors.announceResponse + '00'.repeat(1080), 'pcp-length'],
    [pcpVectors.announceRequest, 'pcp-opcode'],
    [pcpVectors.mapResponse.replace('0281', '0282'), 'pcp-opcode'],
    [pcpVectors.mapResponse.replace('0281', '0181'), 'pcp-version'],
  ])('%s is refused as %s', (hex, reason) => {
    expect(decodePcpResponse(hexLiteral(hex))).toMatchObject({ reason });
  });

  test('options behind a mapping are skipped', () => {
    const bytes = hexLiteral(`${pcpVectors.mapResponse}0200000000000000`);
    expect(decodePcpResponse(bytes)).toMatchObject({ type: 'map', ...mapped });
  });

  test('every result has words', () => {
    expect(pcpResultWords(12)).toBe('another NAT stands between this machine and the router');
    expect(pcpResultWords(200)).toBe('the router answers with PCP result 200');
  });
});

test('damaged packets give a reason or a value', () => {
  const valid = [...Object.values(natpmpVectors), ...Object.values(pcpVectors)].map(hexLiteral);
  for (const bytes of valid.flatMap((packet) => [...mutations(packet)])) {
    for (const decode of [decodeNatPmpResponse, decodePcpResponse]) {
      const decoded = decode(bytes);
      expect(isFailure(decoded) || 'type' in decoded).toBe(true);
    }
  }
});

test('random packets give a reason or a value', () => {
  const bytes = fc.uint8Array({ maxLength: 1500 });
  fc.assert(
    fc.property(bytes, fc.constantFrom(0, 2), (packet, version) => {
      packet[0] = version;
      for (const decode of [decodeNatPmpResponse, decodePcpResponse]) {
        const decoded = decode(packet);
        expect(isFailure(decoded) || 'type' in decoded).toBe(true);
      }
    }),
  );
});

describe('epochs', () => {
  const at = (seconds: number) => instant(seconds * 1000);

  test.each(pcpEpochVectors)('PCP: %o', ({ clientSeconds, epochSeconds, continued }) => {
    const watch = new EpochWatch('pcp');
    expect(watch.take(1000, at(100))).toBe(true);
    expect(watch.take(epochSeconds, at(clientSeconds))).toBe(continued);
  });

  test.each([
    [160, 1060, true],
    [160, 1051, true], // 1000 + 52.5 - 2 = 1050.5
    [160, 1050, false],
    [160, 5, false],
    [160, 9000, true], // it only looks back
    [100, 998, true],
    [100, 997, false],
  ])('NAT-PMP: at %d s, epoch %d', (clientSeconds, epochSeconds, continued) => {
    const watch = new EpochWatch('natpmp');
    watch.take(1000, at(100));
    expect(watch.take(epochSeconds, at(clientSeconds))).toBe(continued);
  });

  test('a restarted router is noticed once', () => {
    const watch = new EpochWatch('pcp');
    watch.take(1000, at(100));
    expect(watch.take(3, at(160))).toBe(false);
    expect(watch.take(63, at(220))).toBe(true);
  });
});

test.each([
  ['5.6.7.8', 'public'],
  ['2600:1f18::5', 'public'],
  ['10.1.2.3', 'inner'],
  ['192.168.0.9', 'inner'],
  ['172.31.0.1', 'inner'],
  ['100.64.0.1', 'inner'],
  ['100.127.255.255', 'inner'],
  ['100.128.0.1', 'public'],
  ['192.0.0.4', 'inner'],
  ['198.19.0.1', 'inner'],
  ['203.0.113.9', 'inner'],
  ['169.254.9.9', 'inner'],
  ['240.0.0.1', 'inner'],
  ['fd00::1', 'inner'],
  ['fe80::1', 'inner'],
  ['0.0.0.0', 'unusable'],
  ['::', 'unusable'],
  ['127.0.0.1', 'unusable'],
  ['::1', 'unusable'],
  ['224.0.0.1', 'unusable'],
  ['255.255.255.255', 'unusable'],
  ['ff02::1', 'unusable'],
])('%s is %s', (address, scope) => {
  expect(externalScope(address as IpAddress)).toBe(scope);
});
