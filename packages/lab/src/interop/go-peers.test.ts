import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findGoPeer, goPeer, pinnedVersion } from './go-peers.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'warren-peers-'));
  vi.stubEnv('WARREN_PEERS_DIR', root);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

function build(directory: string, ...commands: readonly string[]): void {
  mkdirSync(join(root, directory));
  for (const command of commands) writeFileSync(join(root, directory, command), '');
}

const version = pinnedVersion('tailscaled');

test('a peer is found in its pinned version, of whichever compiler', () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  build(`tailscale@v${version}-go1.26.8`, 'tailscaled', 'derper');
  expect(findGoPeer('tailscaled')).toBe(join(root, `tailscale@v${version}-go1.26.8`, 'tailscaled'));
  expect(goPeer('derper')).toBe(join(root, `tailscale@v${version}-go1.26.8`, 'derper'));
});

test('a module that is one command lends it its name', () => {
  const directory = `wireguard@v${pinnedVersion('wireguard')}-go1.26.8`;
  build(directory, 'wireguard');
  expect(goPeer('wireguard')).toBe(join(root, directory, 'wireguard'));
});

test('another version, half a build and no cache at all are no peer; the error says how to build', () => {
  build('tailscale@v1.2.3-go1.26.8', 'tailscaled');
  build(`.building-tailscale.1`, 'tailscaled');
  build(`tailscale@v${version}-go1.25.0`, 'tailscale');
  expect(findGoPeer('tailscaled')).toBeUndefined();
  expect(() => goPeer('tailscaled')).toThrow('scripts/build-go-peers.sh');
  vi.stubEnv('WARREN_PEERS_DIR', join(root, 'nowhere'));
  expect(findGoPeer('tailscale')).toBeUndefined();
});
