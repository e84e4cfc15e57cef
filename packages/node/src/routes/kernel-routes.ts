/** The routes of route-plan.ts made real by iproute2, for both families, and taken back. */
import type { IpFamily } from '@warren/core/ip/address';
import { runIp, showIp } from '../tun/iproute.js';
import {
  routeNumbers,
  routeRuleLines,
  showsAll,
  tableRoutes,
  type UsedRoutes,
} from './route-plan.js';

const FAMILIES = [4, 6] as const;

interface Applied {
  readonly routes: readonly string[];
  readonly rules: readonly string[];
}

export class KernelRoutes {
  readonly #tunName: string;
  /** What stands by family; undefined: whatever an earlier process left. */
  readonly #applied = new Map<IpFamily, Applied>();

  constructor(tunName: string) {
    this.#tunName = tunName;
  }

  /** Takes away what an earlier process left. */
  async clear(): Promise<void> {
    for (const family of FAMILIES) await this.#forget(family);
  }

  /** Makes exactly these routes stand. Throws TUN_CONFIGURE and IPROUTE_MISSING. */
  async apply(used: UsedRoutes, udpPort: number | undefined): Promise<void> {
    for (const family of FAMILIES) {
      try {
        await this.#applyFamily(used, udpPort, family);
      } catch (error) {
        // A kernel without IPv6 has nothing that could leak.
        if (family === 6 && !(await hasIpv6())) continue;
        throw error;
      }
    }
  }

  /** False: something took away routes that stood. */
  async stands(): Promise<boolean> {
    for (const [family, { routes }] of this.#applied) {
      if (routes.length === 0) continue;
      const { table } = routeNumbers(this.#tunName);
      const shown = await showIp([`-${family}`, 'route', 'show', 'table', String(table)]).catch(
        () => '',
      );
      if (!showsAll(shown, routes, this.#tunName)) return false;
    }
    return true;
  }

  async #applyFamily(
    used: UsedRoutes,
    udpPort: number | undefined,
    family: IpFamily,
  ): Promise<void> {
    const numbers = routeNumbers(this.#tunName);
    const before = this.#applied.get(family);
    const wanted = tableRoutes(used, this.#tunName, family);
    if (wanted.length === 0) {
      if (before?.routes.length !== 0) await this.#forget(family);
      return;
    }
    if (before === undefined) await this.#forget(family);
    const inTable = (line: string): string => `${line} table ${numbers.table}`;
    // New ones first, so that nothing is without a route meanwhile.
    await batch(
      family,
      wanted.map((line) => inTable(`route replace ${line}`)),
    );
    const rules = routeRuleLines(numbers, udpPort);
    if (before?.rules.join() !== rules.join()) {
      await this.#forgetRules(family);
      await batch(family, rules);
    }
    const kept = new Set(wanted);
    const gone = (before?.routes ?? []).filter((line) => !kept.has(line));
    // A device that went down took its routes along.
    if (gone.length > 0) {
      await batch(
        family,
        gone.map((line) => inTable(`route del ${line}`)),
        true,
      ).catch(() => undefined);
    }
    this.#applied.set(family, { routes: wanted, rules });
  }

  async #forget(family: IpFamily): Promise<void> {
    await this.#forgetRules(family);
    const { table } = routeNumbers(this.#tunName);
    // An empty table is none, which is no failure.
    await batch(family, [`route flush table ${table}`], true).catch(() => undefined);
    this.#applied.set(family, { routes: [], rules: [] });
  }

  async #forgetRules(family: IpFamily): Promise<void> {
    const shown = await showIp([`-${family}`, 'rule', 'show']).catch(() => '');
    const { marked, stopped, routes } = routeNumbers(this.#tunName);
    const ours = new Set([marked, stopped, routes].map(String));
    const lines = shown.split('\n').flatMap((line) => {
      const preference = /^(\d+):/.exec(line)?.[1];
      return preference !== undefined && ours.has(preference)
        ? [`rule del pref ${preference}`]
        : [];
    });
    if (lines.length > 0) await batch(family, lines, true).catch(() => undefined);
  }
}

async function hasIpv6(): Promise<boolean> {
  const shown = await showIp(['-6', 'addr', 'show']).catch(() => '');
  return shown.trim() !== '';
}

async function batch(family: IpFamily, lines: readonly string[], force = false): Promise<void> {
  await runIp([...(force ? ['-force'] : []), `-${family}`, '-batch', '-'], lines);
}
