/** Where the demo runs: on real NATs where namespaces can be made, else in the simulator, and why. */
import type { Missing } from '@warren/lab/requirements';
import { CliError, RightsError } from '../errors.js';
import { loadPart } from '../optional-package.js';
import { canAskSudo, isRoot } from '../rights.js';

export interface DemoWish {
  /** The simulator is asked for. */
  readonly sim: boolean;
  readonly keep: boolean;
  readonly installDeps: boolean;
}

export type DemoWorld =
  | { readonly kind: 'lab' }
  /** `reason`: why no lab; undefined: nobody asked for one. */
  | { readonly kind: 'sim'; readonly reason: string | undefined };

export interface DemoHost {
  readonly isRoot: boolean;
  /** Somebody is there to type a password. */
  readonly canAskSudo: boolean;
  /** What the lab lacks; rejects where it can never run. */
  readonly missing: () => Promise<readonly Missing[]>;
}

/** Throws RightsError where root is all that is lacking, and a person can become it. */
export async function chooseDemoWorld(wish: DemoWish, host: DemoHost): Promise<DemoWorld> {
  if (wish.sim) return { kind: 'sim', reason: undefined };
  const wantsLab = wish.keep || wish.installDeps;
  let missing: readonly Missing[];
  try {
    missing = await host.missing();
  } catch (error) {
    if (wantsLab || !isAbsent(error)) throw error;
    return { kind: 'sim', reason: error instanceof Error ? error.message : String(error) };
  }
  const packages = missing.filter(({ remedy }) => 'package' in remedy);
  const actions = missing.filter(({ remedy }) => 'action' in remedy);
  if (!host.isRoot) {
    const denied = actions.filter(
      ({ remedy }) => 'action' in remedy && /\broot\b/.test(remedy.action),
    );
    const wantsInstall = wish.installDeps && packages.length > 0;
    if (wantsLab || host.canAskSudo) {
      if (wantsInstall) throw new RightsError('install system packages');
      if (denied.length > 0) throw new RightsError(`get ${namesOf(denied)}`);
    }
  }
  // What an installation would bring is named by the lab itself, with the flag that does it.
  const isInstallable = actions.length === 0 && (host.isRoot || host.canAskSudo);
  if (missing.length === 0 || wantsLab || isInstallable) return { kind: 'lab' };
  return { kind: 'sim', reason: `this computer has no ${namesOf(missing)}` };
}

/** No Linux, or no lab installed. */
function isAbsent(error: unknown): boolean {
  if (error instanceof CliError) return error.code === 'PACKAGE_MISSING';
  return error instanceof Error && 'code' in error && error.code === 'LAB_UNSUPPORTED';
}

function namesOf(missing: readonly Missing[]): string {
  return missing.map(({ what }) => what).join(' and ');
}

/** What the lab lacks on this computer. */
export async function missingForLab(): Promise<readonly Missing[]> {
  const { checkRequirements } = await loadPart(
    '@warren/lab',
    () => import('@warren/lab/requirements'),
  );
  return checkRequirements();
}

/** As the demo chooses, for commands that keep nothing. `reason`: why no lab, where one would have been tried. */
export async function chooseLabWorld(wish: {
  readonly sim: boolean;
  readonly installDeps: boolean;
}): Promise<{ readonly kind: 'lab' | 'sim'; readonly reason: string | undefined }> {
  const host = { isRoot: isRoot(), canAskSudo: canAskSudo(), missing: missingForLab };
  return { reason: undefined, ...(await chooseDemoWorld({ ...wish, keep: false }, host)) };
}
