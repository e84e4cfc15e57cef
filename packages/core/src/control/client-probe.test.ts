/** Requests that nobody answers make the client doubt its connection. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Endpoint } from '../ip/address.js';
import { EndpointType } from '../netmap/own.js';
import { KEEP_ALIVE_JSON } from './map-framing.js';
import { unansweredMs } from './request-slot.js';
import { Play, YES } from './test-play.js';

let play: Play;
const probes = (): number => play.all('probe').length;

beforeEach(() => {
  play = new Play();
});

describe('the connection is asked once whether it lives', () => {
  test('when a registration is not answered', () => {
    play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
    play.pass(unansweredMs - 1);
    expect(probes()).toBe(0);
    play.pass(1);
    expect(probes()).toBe(1);
    // It was only slow.
    play.pass(60_000).answer('register', 200, YES);
    expect(probes()).toBe(1);
    expect(play.requests('register')).toHaveLength(1);
  });

  test('when a poll or an update is not answered', () => {
    play.joined().pass(unansweredMs);
    expect(probes()).toBe(2);
    play.fullMap().answer('update', 200).pass(60_000);
    expect(probes()).toBe(2);
  });

  test('on the next connection too', () => {
    play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
    play.pass(unansweredMs).handle({ type: 'disconnected', reason: 'no pong' }).pass(100);
    play.handle({ type: 'connected' });
    expect([play.requests('register').length, probes()]).toEqual([2, 1]);
    play.pass(unansweredMs);
    expect(probes()).toBe(2);
  });

  test('when a logout is not answered', () => {
    play.running().handle({ type: 'logout' }).pass(unansweredMs);
    expect(probes()).toBe(1);
  });
});

describe('the connection is left alone', () => {
  test('when all is answered', () => {
    play.running().pass(60_000);
    expect(probes()).toBe(0);
  });

  test('when a part of the answer came', () => {
    play.joined().answer('update', 200).frame(KEEP_ALIVE_JSON).pass(20_000);
    expect(probes()).toBe(0);
  });

  test('when it is gone already', () => {
    play.joined().handle({ type: 'disconnected', reason: 'reset' }).pass(unansweredMs);
    expect(probes()).toBe(0);
  });
});

test('an update that nobody answers wakes nobody while control refuses the network map', () => {
  play.running();
  const endpoint = '192.0.2.1:1' as Endpoint;
  play.handle({ type: 'endpoints', endpoints: [{ endpoint, type: EndpointType.local }] });
  const { id } = play.request('map');
  play.handle({ type: 'request-failed', id, reason: 'ended' });
  for (let i = 0; i < 3; i++) play.pass(100).answer('map', 404);
  play.pass(unansweredMs);
  expect(play.client.nextTimeout()).toBeGreaterThan(play.now);
});
