/**
 * Host keys of this machine's SSH server, which the network tells whoever logs in here: so `warren ssh` and
 * `tailscale ssh` need no first look. Read from OpenSSH's files; a server that is configured elsewhere has none for us.
 *
 *     /etc/ssh/sshd_config, sshd_config.d/*.conf    HostKey lines, else the usual files
 *     FILE.pub                                      `ssh-ed25519 AAAA… comment`
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sshHostKeysMax } from '@warren/core/netmap/limits';

const DIRECTORY = '/etc/ssh';
/** As sshd takes them without a word in its configuration. */
const USUAL = ['ssh_host_ed25519_key', 'ssh_host_ecdsa_key', 'ssh_host_rsa_key'];
/** One is enough, and every peer hears of it: the shortest, which every client of ten years knows. */
const PREFERRED = 'ssh-ed25519 ';
const HOST_KEY_LINE = /^[ \t]*HostKey[ \t]+"?([^"\s]+)"?[ \t]*$/gim;
const PUBLIC_KEY = /^([a-z0-9@.-]{1,64} [A-Za-z0-9+/]{1,4096}={0,2})(?:\s|$)/;

/** Without comments; none where there is no server, or its keys can't be read. */
export function readSshHostKeys(directory: string = DIRECTORY): readonly string[] {
  const main = textOf(join(directory, 'sshd_config'));
  if (main === undefined) return [];
  const configured = [...configTexts(directory), main].flatMap((text) =>
    [...text.matchAll(HOST_KEY_LINE)].map(([, file = '']) => file),
  );
  const files = configured.length > 0 ? configured : USUAL.map((name) => join(directory, name));
  const keys = files.flatMap((file) => PUBLIC_KEY.exec(textOf(`${file}.pub`) ?? '')?.[1] ?? []);
  const preferred = keys.filter((key) => key.startsWith(PREFERRED));
  return (preferred.length > 0 ? preferred : keys).slice(0, sshHostKeysMax);
}

function configTexts(directory: string): readonly string[] {
  const place = join(directory, 'sshd_config.d');
  try {
    const names = readdirSync(place).filter((name) => name.endsWith('.conf'));
    return names.sort().map((name) => textOf(join(place, name)) ?? '');
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
