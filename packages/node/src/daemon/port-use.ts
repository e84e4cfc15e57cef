/**
 * When our UDP ports were last used, across restarts: evidence for dial-backs (core's netcheck/dial-back.ts),
 * which a NAT that remembers the port would falsify. Kept in `udp-ports.json` of the state directory:
 *
 *     {"uses": [{"port": 41641, "usedAt": WALL_MS, "reached": ["203.0.113.9:41641"]}]}
 *
 * While a port is open the file is touched every minute, so that after a crash it is at most a minute behind;
 * that leaves nine of the ten minutes that a port must have rested. A clock that was set back counts as "just
 * now". A file that can't be read or written costs a verdict, not the start.
 */
import { join } from 'node:path';
import { asArray, asInteger, asObject, parseJson } from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { type Endpoint, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import type { DialBackVerdict, EarlierUse } from '@warren/core/netcheck/dial-back';
import type { Clock } from '@warren/shell/clock';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

const TOUCH_MS = 60_000;
/** A node has one port, and another when that is taken; random ones come and go. */
const USES_MAX = 8;

interface Use {
  readonly port: number;
  readonly usedAt: number;
  readonly reached: readonly Endpoint[];
}

export class PortUse {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** The latest last. */
  readonly #uses = new Map<number, Use>();
  readonly #open = new Set<number>();
  #touch: NodeJS.Timeout | undefined;

  constructor(stateDir: string, clock: Clock, log: Logger) {
    this.#path = join(stateDir, 'udp-ports.json');
    this.#clock = clock;
    this.#log = log;
    const file = {
      path: this.#path,
      what: 'when UDP ports were used',
      parse: parseUses,
      onCorrupt: 'keep-aside',
    } as const;
    for (const use of this.#tryTo(() => readStateFile(file)) ?? []) this.#uses.set(use.port, use);
  }

  /** What an engine that starts now has to know. */
  earlierUses(): readonly EarlierUse[] {
    const now = this.#clock.wall();
    return [...this.#uses.values()].map(({ port, usedAt, reached }) => ({
      port,
      reached,
      agoMs: this.#open.has(port) ? 0 : Math.max(0, now - usedAt),
    }));
  }

  /** A socket is bound. */
  opened(port: number): void {
    if (this.#open.has(port)) return;
    this.#open.add(port);
    this.#note(port, this.#uses.get(port)?.reached ?? []);
    this.#touch ??= setInterval(() => this.#noteOpen(), TOUCH_MS);
    this.#touch.unref();
  }

  /** What relays found about an open port. */
  dialledBack({ target, verified }: DialBackVerdict): void {
    if (target === undefined || verified === undefined) return;
    this.#note(endpointPort(target), verified === 'yes' ? [target] : []);
  }

  /** The sockets are closed. */
  closed(): void {
    this.#noteOpen();
    this.#open.clear();
    clearInterval(this.#touch);
    this.#touch = undefined;
  }

  #noteOpen(): void {
    for (const port of this.#open) this.#use(port, this.#uses.get(port)?.reached ?? []);
    if (this.#open.size > 0) this.#keep();
  }

  #note(port: number, reached: readonly Endpoint[]): void {
    this.#use(port, reached);
    this.#keep();
  }

  #use(port: number, reached: readonly Endpoint[]): void {
    this.#uses.delete(port);
    this.#uses.set(port, { port, usedAt: this.#clock.wall(), reached });
    for (const oldest of [...this.#uses.keys()].slice(0, -USES_MAX)) this.#uses.delete(oldest);
  }

  #keep(): void {
    const text = `${JSON.stringify({ uses: [...this.#uses.values()] })}\n`;
    this.#tryTo(() => writeFileAtomic(this.#path, text));
  }

  #tryTo<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#log.warn('the use of UDP ports is not remembered', {
        reason: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    }
  }
}

function parseUses(text: string): Use[] | undefined {
  const uses = asObject(parseJson(encodeUtf8(text)))?.['uses'];
  if (!Array.isArray(uses)) return undefined;
  const parsed = uses.slice(-USES_MAX).map(parseUse);
  const good = parsed.filter((use) => use !== undefined);
  return good.length === parsed.length ? good : undefined;
}

function parseUse(value: unknown): Use | undefined {
  const use = asObject(value);
  const port = asInteger(use?.['port'], 1, 65_535);
  const usedAt = asInteger(use?.['usedAt'], 0);
  if (port === undefined || usedAt === undefined) return undefined;
  const reached = asArray(use?.['reached']).map((one) =>
    typeof one === 'string' ? parseEndpoint(one) : undefined,
  );
  return { port, usedAt, reached: reached.filter((one) => one !== undefined) };
}
