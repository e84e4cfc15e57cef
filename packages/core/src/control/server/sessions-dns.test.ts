import { beforeEach, expect, test } from 'vitest';
import { DEFAULT_DNS } from './dns-config.js';
import { baseDomain } from './test-network.js';
import { Stage } from './test-stage.js';

let stage: Stage;

/** Two machines on stream as sessions of their numbers, quiet. */
beforeEach(() => {
  stage = new Stage();
  for (const machine of [1, 2]) stage.network.join(machine);
  stage.publish();
  for (const machine of [1, 2]) stage.open(machine, machine);
  stage.pass(2000);
});

const messages = (session: number): readonly object[] => stage.messages(session);

test('the first map tells of DNS', () => {
  expect(messages(1)[0]).toMatchObject({ DNSConfig: { Proxied: true, Domains: [baseDomain] } });
});

test('other settings are told to everybody, alone and once; the same settings to nobody', () => {
  const before = [1, 2].map((session) => messages(session).length);
  const dns = { ...DEFAULT_DNS, globalNameservers: ['9.9.9.9'], overrideLocalDns: true };
  stage.handle({ type: 'dns', dns });
  stage.pass(2000);
  for (const [at, session] of [1, 2].entries()) {
    expect(messages(session).slice(before[at])).toEqual([
      { DNSConfig: { Proxied: true, Domains: [baseDomain], Resolvers: [{ Addr: '9.9.9.9' }] } },
    ]);
  }
  const told = messages(1).length;
  stage.handle({ type: 'dns', dns: { ...dns, globalNameservers: ['9.9.9.9'] } });
  stage.pass(2000);
  expect(messages(1)).toHaveLength(told);
});

test('who comes later hears the newest', () => {
  stage.handle({ type: 'dns', dns: { ...DEFAULT_DNS, magicDns: false } });
  stage.network.join(3);
  stage.publish();
  stage.open(3, 3);
  expect(messages(3)[0]).toMatchObject({ DNSConfig: { Proxied: false } });
});
