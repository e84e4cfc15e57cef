/** The profile's place on disk: `node.json` in the state directory. */
import { join } from 'node:path';
import { assert } from '@warren/core/base/assert';
import type { Random } from '@warren/core/ports';
import { ensureDirectory, loadOrCreate, writeFileAtomic } from '@warren/shell/files/atomic-file';
import { formatProfile, freshProfile, type Login, type Profile, parseProfile } from './profile.js';

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

  /** Replaces the profile; it is on disk when this returns (and the disk untouched when it was before). Throws FileError, and nothing changed. */
  store(next: Profile): void {
    const text = formatProfile(next);
    if (text !== formatProfile(this.#profile)) writeFileAtomic(this.#path, text);
    this.#profile = next;
  }

  /** Changes fields of the login as {@link store} does; once it is joined there is nothing to go back to. */
  updateLogin(changes: Partial<Login>): void {
    const { login } = this.#profile;
    assert(login !== undefined, 'a session has a login');
    const next = { ...login, ...changes };
    const previous = next.joined ? undefined : this.#profile.previous;
    this.store({ ...this.#profile, login: next, previous });
  }
}
