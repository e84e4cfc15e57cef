import { after, instant } from '@warren/core/base/instant';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { MappingObservation, NetcheckReport } from '@warren/core/netcheck/report';
import { expect, test } from 'vitest';
import { OwnAddressProofs } from './own-address-proofs.js';

const at = instant(5000);
const tokenOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);

function seen(regionId: number, mapped: string, token?: number): MappingObservation {
  return {
    regionId,
    family: 4,
    server: `192.0.2.${regionId - 900}:3478` as Endpoint,
    mapped: `${mapped}:40000` as Endpoint,
    latencyMs: 10,
    ...(token === undefined ? {} : { addressToken: tokenOf(token) }),
  };
}

function reportOf(homeRegion: number, ...observations: MappingObservation[]): NetcheckReport {
  const parts: Partial<NetcheckReport> = { observations, homeRegion, startedAt: at };
  return parts as NetcheckReport;
}

const address = '203.0.113.9' as IpAddress;

test("home's token is taken before others', and each address has its own", () => {
  const own = new OwnAddressProofs();
  own.report(
    reportOf(901, seen(902, address, 2), seen(901, address, 1), seen(903, '203.0.113.10', 3)),
  );
  expect(own.of(address, at)).toEqual({ regionId: 901, token: tokenOf(1) });
  expect(own.of('203.0.113.10' as IpAddress, at)).toEqual({ regionId: 903, token: tokenOf(3) });
  expect(own.of('203.0.113.11' as IpAddress, at)).toBeUndefined();
});

test('without a token there is no proof, and an older one serves until it is nine minutes old', () => {
  const own = new OwnAddressProofs();
  own.report(reportOf(901, seen(901, address)));
  expect(own.of(address, at)).toBeUndefined();
  own.report(reportOf(901, seen(901, address, 1)));
  own.report(reportOf(901, seen(901, address)));
  expect(own.of(address, after(at, 539_000))).toBeDefined();
  expect(own.of(address, after(at, 540_000))).toBeUndefined();
});

test('addresses come and go: the latest eight are kept, and none over a change of network', () => {
  const own = new OwnAddressProofs();
  for (let n = 0; n < 20; n++) own.report(reportOf(901, seen(901, `203.0.113.${n}`, n)));
  const kept = Array.from({ length: 20 }, (_, n) => own.of(`203.0.113.${n}` as IpAddress, at));
  expect(kept.filter((proof) => proof !== undefined)).toHaveLength(8);
  expect(kept[19]).toBeDefined();
  own.networkChanged();
  expect(own.of('203.0.113.19' as IpAddress, at)).toBeUndefined();
});
