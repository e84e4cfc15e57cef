/** Which cells of the matrix a person names. */
import { cellsOf, type MatrixCell } from '@warren/sim/matrix/cell';
import type { Profile } from '@warren/sim/matrix/profile';
import { PROFILES, profileNamed } from '@warren/sim/matrix/profiles';
import type { Part } from '@warren/sim/matrix/resumed';
import { InvalidArgumentError } from 'commander';

/** More than any computer has cores for. */
const JOBS_MAX = 64;

/** `easy,hard`: these profiles, in the order of the matrix. */
export function parseProfiles(text: string): readonly Profile[] {
  const wanted = new Set(namesIn(text).map(profileOf));
  return PROFILES.filter((profile) => wanted.has(profile));
}

/** `easy:hard,public:public`: these cells, as given. */
export function parseCells(text: string): readonly MatrixCell[] {
  return namesIn(text).map((name) => {
    const [left, right, ...rest] = name.split(':');
    if (left === undefined || right === undefined || rest.length > 0) {
      throw new InvalidArgumentError(`"${name}" is no pair; write easy:hard.`);
    }
    return { left: profileOf(left), right: profileOf(right) };
  });
}

export function parseJobs(text: string): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs < 1 || jobs > JOBS_MAX) {
    throw new InvalidArgumentError(`write a whole number from 1 to ${JOBS_MAX}.`);
  }
  return jobs;
}

/** `2/4`: the second of four parts. */
export function parsePart(text: string): Part {
  const [, part = 0, of = 0] = (/^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? []).map(Number);
  if (part < 1 || part > of) throw new InvalidArgumentError('write 1/4 to 4/4, for example.');
  return { part, of };
}

/** Cells that were named, else all pairs of the profiles that were named, else all there are. */
export function chooseCells(
  cells: readonly MatrixCell[] | undefined,
  profiles: readonly Profile[] | undefined,
): readonly MatrixCell[] {
  return cells ?? cellsOf(profiles ?? PROFILES);
}

function namesIn(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError('name at least one.');
  return names;
}

function profileOf(name: string): Profile {
  const profile = profileNamed(name);
  if (profile !== undefined) return profile;
  const known = PROFILES.map((each) => each.name).join(', ');
  throw new InvalidArgumentError(`there is no profile "${name}"; there are ${known}.`);
}
