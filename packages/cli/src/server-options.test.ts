import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { CliContext } from './context.js';
import { addServerOptions, announcedHost, type ServerOptions } from './server-options.js';
import { Terminal } from './terminal.js';

async function parse(...flags: string[]): Promise<ServerOptions> {
  const command = new Command('relay').exitOverride().configureOutput({ outputError: () => {} });
  addServerOptions(command, { kind: 'relay', regionId: 901, regionName: 'Relay' });
  command.action(() => {});
  await command.parseAsync(flags, { from: 'user' });
  return command.opts<ServerOptions>();
}

function contextWith(notes: string[]): CliContext {
  const sink = { write: (text: string) => notes.push(text) };
  return { terminal: new Terminal(sink, sink, {}) } as unknown as CliContext;
}

test('by default every address, port 443, STUN on 3478, state of its own', async () => {
  expect(await parse()).toMatchObject({
    listen: { host: '', port: 443 },
    stun: true,
    stunPort: 3478,
    regionId: 901,
    regionCode: 'relay',
    regionName: 'Relay',
    stateDir: '/var/lib/warren/relay',
  });
});

test('region ids are those of private relays, codes are plain', async () => {
  expect((await parse('--region-id', '999', '--region-code', 'fra-2')).regionId).toBe(999);
  for (const flags of [
    ['--region-id', '899'],
    ['--region-id', '1000'],
    ['--region-id', '9.5'],
    ['--region-code', 'Fra'],
    ['--region-code', '-'],
  ]) {
    await expect(parse(...flags), flags.join(' ')).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
  }
});

test('STUN can be off', async () => expect((await parse('--no-stun')).stun).toBe(false));

test('the announced host is the given one, else the one listened on', async () => {
  const notes: string[] = [];
  const context = contextWith(notes);
  const options = await parse('--host', 'relay.example.net', '--listen', '127.0.0.1:0');
  expect(announcedHost(options, context)).toBe('relay.example.net');
  expect(announcedHost(await parse('--listen', '127.0.0.1:0'), context)).toBe('127.0.0.1');
  expect(announcedHost(await parse('--listen', '[::1]:0'), context)).toBe('::1');
  expect(notes).toEqual([]);
});

test('addresses of both families can be announced beside the host', async () => {
  const options = await parse('--ipv4', '192.0.2.1', '--ipv6', '[2001:db8::1]');
  expect([options.ipv4, options.ipv6]).toEqual(['192.0.2.1', '2001:db8::1']);
  for (const flags of [
    ['--ipv4', '2001:db8::1'],
    ['--ipv6', '192.0.2.1'],
    ['--ipv6', 'relay.example.net'],
    ['--ipv6', '[2001:db8::1]:443'],
  ]) {
    await expect(parse(...flags), flags.join(' ')).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
  }
});
