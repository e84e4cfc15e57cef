/** The relay's identity on disk: one private key as text, mode 0600. */
import {
  formatPrivateKey,
  generatePrivateKey,
  parsePrivateKey,
  type RelayPrivateKey,
} from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import { loadOrCreate } from '@warren/shell/files/atomic-file';

/** Reads the key of `file`, or makes one. A damaged file is refused: clients may have pinned the key. */
export function loadRelayKey(file: string, random: Random): RelayPrivateKey {
  return loadOrCreate(
    {
      path: file,
      what: "the relay's private key",
      parse: (text) => parsePrivateKey('relay', text.trim()),
      onCorrupt: 'refuse',
    },
    () => generatePrivateKey('relay', random),
    (key) => `${formatPrivateKey(key)}\n`,
  );
}
