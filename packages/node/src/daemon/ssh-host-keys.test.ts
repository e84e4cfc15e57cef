import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSshHostKeys } from './ssh-host-keys.js';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA';
const RSA = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC==';

let directory: string;
const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-ssh-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('a machine without an SSH server tells none, whatever keys lie there', () => {
  expect(readSshHostKeys(join(directory, 'none'))).toEqual([]);
  write('ssh_host_ed25519_key.pub', `${ED25519} root@host\n`);
  expect(readSshHostKeys(directory)).toEqual([]);
});

test('of the usual files the shortest key is told, without its comment; others where it is missing', () => {
  write('sshd_config', '# HostKey /etc/ssh/other\nPort 22\n');
  expect(readSshHostKeys(directory)).toEqual([]);
  write('ssh_host_rsa_key.pub', `${RSA} root@host\n`);
  expect(readSshHostKeys(directory)).toEqual([RSA]);
  write('ssh_host_ed25519_key.pub', `${ED25519} root@host\n`);
  expect(readSshHostKeys(directory)).toEqual([ED25519]);
});

test('keys that the server is configured with count in place of the usual ones', () => {
  write('ssh_host_ed25519_key.pub', `${ED25519} root@host\n`);
  write('own.pub', `${RSA}\n`);
  write('sshd_config', `hostkey "${join(directory, 'own')}"\n`);
  expect(readSshHostKeys(directory)).toEqual([RSA]);
  write('sshd_config', 'Include /etc/ssh/sshd_config.d/*.conf\n');
  mkdirSync(join(directory, 'sshd_config.d'));
  write('sshd_config.d/own.conf', `HostKey ${join(directory, 'own')}\n`);
  expect(readSshHostKeys(directory)).toEqual([RSA]);
});

test('what is no key is left out', () => {
  write('sshd_config', '');
  for (const text of ['', 'garbage', 'ssh-ed25519', 'ssh-ed25519 A\u001bB', '-----BEGIN']) {
    write('ssh_host_ed25519_key.pub', text);
    expect(readSshHostKeys(directory), text).toEqual([]);
  }
});
