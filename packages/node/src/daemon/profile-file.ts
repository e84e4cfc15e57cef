/** The profile's place on disk: `node.json` in the state directory. */
import { join } from 'node:path';
import type { Random } from '@warren/core/ports';
import { ensureDirectory, loadOrCreate, writeFileAtomic } from '@warren/shell/files/atomic-file';
import { formatProfile, freshProfile, type Profile, parseProfile } from './profile.js';

export class ProfileFile {
  readonly #path: string;
  #profile: Profile;

  /** Loads the profile, or makes a new identity on the first start. */
  constructor(stateDir: string, random: Random) {
    ensureDirectory(stateDir);
    this.#path = join(stateDir, 'node.json');
    this.#profile = loadOrCreate(
      {
        path: this.#path,
        what: 'the identity of this node',
        parse: parseProfile,
        // A new identity in its place would be a new node: a person decides.
        onCorrupt: 'refuse',
      },
      () => freshProfile(random),
      formatProfile,
    );
  }

  get profile(): Profile {
    return this.#profile;
  }

  /** Changes some fields; they are on disk when this returns. */
  update(changes: Partial<Profile>): void {
    const next = { ...this.#profile, ...changes };
    writeFileAtomic(this.#path, formatProfile(next));
    this.#profile = next;
  }
}
