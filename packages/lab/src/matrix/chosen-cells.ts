/**
 * The cells that run with real NATs at every test of the lab: some that always do, chosen so that every
 * profile and every kind of verdict occurs, and some that another commit chooses anew. Pure.
 */
import { createHash } from 'node:crypto';
import { cellName, cellsOf, type MatrixCell } from '@warren/sim/matrix/cell';
import { PROFILES } from '@warren/sim/matrix/profiles';

/** As the matrix writes them: the profile that comes first in its list is `left`. */
const FIXED_NAMES = `
public:hard               public:udp-blocked           one-to-one:hard         full-cone:hard
cone-other-ports:hard     restricted-cone:hard         easy-portmap:hard       hard:hard-natpmp
hard:hard-balancer        dual-stack-open:ipv6-only    hard-upnp:hard-pcp      public-firewalled:easy
easy:easy                 one-to-one-firewalled:easy   easy:easy-hairpin       easy:easy-range
easy:easy-liar            easy:easy-dead-mapping       easy:carrier-easy       easy:easy-banning
easy:nat64                dual-stack:nat64             dual-stack:ipv6-only    easy:hard
easy-rejecting:hard       easy:carrier-hard            easy:port-parity        easy:address-dependent
easy:hard-pool            easy:port-block              easy:hard-range         hard:address-dependent-loose
sequential:sequential     sequential-3:sequential-3    easy:sequential-10      easy:sequential-shared
easy:sequential-busy      hard:hard                    carrier-hard-upnp:hard  public:ipv6-only
`;

/** Always the same. */
export const FIXED_CELLS: readonly MatrixCell[] = FIXED_NAMES.trim().split(/\s+/).map(cellNamed);

function cellNamed(name: string): MatrixCell {
  const cell = allCells().find((candidate) => cellName(candidate) === name);
  if (cell === undefined) throw new Error(`the matrix has no cell ${name}`);
  return cell;
}

function allCells(): readonly MatrixCell[] {
  return cellsOf(PROFILES);
}

/** So many others; which ones depends on the seed alone. */
export function rotatingCells(seed: string, count: number): MatrixCell[] {
  const fixed = new Set(FIXED_CELLS.map(cellName));
  const rank = (cell: MatrixCell): string =>
    createHash('sha256')
      .update(`${seed} ${cellName(cell)}`)
      .digest('hex');
  return allCells()
    .filter((cell) => !fixed.has(cellName(cell)))
    .map((cell) => ({ cell, rank: rank(cell) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
    .map(({ cell }) => cell);
}
