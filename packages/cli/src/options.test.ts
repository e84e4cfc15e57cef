import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  collect,
  normalizeSwitches,
  parseDuration,
  parseHost,
  parseHostName,
  parseInterval,
  parseListen,
  parseLoginServer,
  parsePingCount,
  parsePort,
  parseTags,
  parseTimeout,
  wantsJson,
} from './options.js';

/** Each of `texts` is refused as a wrong argument. */
function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    expect(() => parse(text), JSON.stringify(text)).toThrow(InvalidArgumentError);
  }
}

test('durations are sums of numbers with units', () => {
  expect(parseDuration('0')).toBe(0);
  expect(parseDuration('500ms')).toBe(500);
  expect(parseDuration('30s')).toBe(30_000);
  expect(parseDuration('1h30m')).toBe(5_400_000);
  expect(parseDuration('1.5h')).toBe(5_400_000);
  expect(parseDuration('24h')).toBe(parseDuration('1d'));
  expect(parseDuration('2w')).toBe(parseDuration('14d'));
  refuses(parseDuration, ['', '30', 's', '-1s', '1y', '1 h', '1h 2m', '1e3s', '99999999999d']);
});

test('a wait is never 0, and pings never flood', () => {
  expect(parseTimeout('1ms')).toBe(1);
  refuses(parseTimeout, ['0', '0s']);
  expect(parseInterval('10ms')).toBe(10);
  refuses(parseInterval, ['0', '9ms']);
});

test('ports and counts are whole numbers within their bounds', () => {
  expect(parsePort('0')).toBe(0);
  expect(parsePort('65535')).toBe(65_535);
  refuses(parsePort, ['65536', '-1', '1.5', '0x10', '', ' 1', '1e2', '99999999999']);
  expect(parsePingCount('10')).toBe(10);
  expect(parsePingCount('0')).toBe(Number.MAX_SAFE_INTEGER);
  refuses(parsePingCount, ['-1', '1000001', 'ten']);
});

test('listen addresses have a host, which may be empty, and a port', () => {
  expect(parseListen(':443')).toEqual({ host: '', port: 443 });
  expect(parseListen('0.0.0.0:8443')).toEqual({ host: '0.0.0.0', port: 8443 });
  expect(parseListen('[::]:443')).toEqual({ host: '::', port: 443 });
  expect(parseListen('localhost:0')).toEqual({ host: 'localhost', port: 0 });
  refuses(parseListen, ['443', '::1:443', '1.2.3.4', '1.2.3.4:', ':65536', 'a b:1', '[::1]', '']);
});

describe('login servers', () => {
  test('are origins, https unless said otherwise', () => {
    expect(parseLoginServer('https://hub.example.net/')).toBe('https://hub.example.net');
    expect(parseLoginServer('hub.example.net:8443')).toBe('https://hub.example.net:8443');
    expect(parseLoginServer('192.0.2.7')).toBe('https://192.0.2.7');
    expect(parseLoginServer('https://[2001:db8::7]:8443')).toBe('https://[2001:db8::7]:8443');
    expect(parseLoginServer('http://10.0.0.2:8080')).toBe('http://10.0.0.2:8080');
    const pinned = `https://192.0.2.7:8443#${'A'.repeat(86)}`;
    expect(parseLoginServer(pinned)).toBe(pinned);
  });

  test('have nothing else', () => {
    refuses(parseLoginServer, [
      '',
      'ftp://hub.example.net',
      'https://hub.example.net/path',
      'https://user@hub.example.net',
      'https://hub.example.net?x=1',
      'https://hub.example.net:99999',
      'javascript:alert(1)',
    ]);
  });
});

test('host names are one DNS label', () => {
  expect(parseHostName('desk-2')).toBe('desk-2');
  expect(parseHostName('a'.repeat(63))).toHaveLength(63);
  refuses(parseHostName, ['', '-a', 'a-', 'a.b', 'a_b', 'a'.repeat(64), 'ä']);
});

test('tags are a comma list, each once; empty is none', () => {
  expect(parseTags('tag:web, tag:eu,tag:web')).toEqual(['tag:web', 'tag:eu']);
  expect(parseTags('')).toEqual([]);
  refuses(parseTags, ['web', 'tag:', 'tag:1', 'tag:web,', 'tag:a b']);
});

test('a host is a name or an address, never with a port', () => {
  expect(parseHost('hub.example.net')).toBe('hub.example.net');
  expect(parseHost('192.0.2.7')).toBe('192.0.2.7');
  expect(parseHost('[2001:db8::7]')).toBe('2001:db8::7');
  refuses(parseHost, ['', 'hub:443', 'https://hub', 'a b']);
});

test('repeated flags keep their order', () => {
  expect(
    ['a', 'b'].reduce<readonly string[] | undefined>((all, one) => collect(one, all), undefined),
  ).toEqual(['a', 'b']);
});

test('switches may be written as --flag=false', () => {
  expect(normalizeSwitches(['status', '--peers=false', '--json=true'])).toEqual([
    'status',
    '--no-peers',
    '--json',
  ]);
  expect(normalizeSwitches(['ping', '--until-direct=true', '--json=false', 'x'])).toEqual([
    'ping',
    'x',
  ]);
  expect(normalizeSwitches(['up', '--hostname=true'])).toEqual(['up', '--hostname=true']);
  expect(normalizeSwitches(['lab', '--', '--json=true'])).toEqual(['lab', '--', '--json=true']);
});

test('JSON is asked for before a --, not after it', () => {
  expect(wantsJson(['ping', '--json', 'x'])).toBe(true);
  expect(wantsJson(['lab', 'shell', 'a', '--', 'ls', '--json'])).toBe(false);
});
