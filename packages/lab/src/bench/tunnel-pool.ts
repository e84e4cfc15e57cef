/** Contenders that run: each is started when it is first wanted, and closed when nobody needs it any more. */
import { type Contender, startContender } from './contenders.js';
import type { Tunnel } from './tunnel.js';

export class TunnelPool {
  readonly #tunnels = new Map<Contender, Tunnel>();
  readonly #ways = new Map<Contender, string>();
  readonly #start: (contender: Contender) => Promise<Tunnel>;

  constructor(start: (contender: Contender) => Promise<Tunnel> = startContender) {
    this.#start = start;
  }

  /** How contenders said that their packets move. */
  get ways(): Readonly<Partial<Record<Contender, string>>> {
    return Object.fromEntries(this.#ways);
  }

  async open(contender: Contender): Promise<Tunnel> {
    const running = this.#tunnels.get(contender);
    if (running !== undefined) return running;
    const tunnel = await this.#start(contender);
    this.#tunnels.set(contender, tunnel);
    const { way = '' } = tunnel;
    if (way !== '') this.#ways.set(contender, way);
    return tunnel;
  }

  async close(contender: Contender): Promise<void> {
    const tunnel = this.#tunnels.get(contender);
    this.#tunnels.delete(contender);
    await tunnel?.world.close();
  }

  /** Closes all but these, so that only they take time and memory. */
  async keepOnly(wanted: readonly Contender[]): Promise<void> {
    const others = [...this.#tunnels.keys()].filter((name) => !wanted.includes(name));
    await Promise.all(others.map((name) => this.close(name)));
  }
}
