/**
 * The demo's measurements: pings between all pairs, 2 MB through each, 20 MB by each method.
 *
 * A pair that is not as expected gets a second try by itself. A daemon that this computer holds up for a
 * quarter of a second doubts its path and sends over the relay beside it, as it should; that says nothing
 * about NATs. What the first try showed is in the report.
 */
import { assert } from '@warren/core/base/assert';
import type { DemoEvent, DemoPair, Expect } from '@warren/sim/demo/report';
import type { World } from '../world/world.js';
import {
  BULK_BYTES,
  type Couple,
  measureTogether,
  transferTogether,
  withBulk,
} from './measure-pair.js';
import type { PairMember } from './pair-member.js';
import { pingPair } from './ping-pair.js';
import { disjointGroups, oneOfEach, tournament } from './rounds.js';
import type { TransferAgents } from './transfer-agents.js';

export interface MeasurementOptions {
  readonly world: World;
  readonly members: readonly PairMember[];
  readonly expect: Expect;
  readonly report: (event: DemoEvent) => void;
}

/** Couples that share no machine. */
type Round = readonly Couple[];

export class Measurement {
  readonly #options: MeasurementOptions;

  constructor(options: MeasurementOptions) {
    this.#options = options;
  }

  /** Pings all pairs at once; answers them in rounds. */
  async ping(): Promise<readonly Round[]> {
    const { members, report } = this.#options;
    const rounds = tournament(members.length);
    const of = rounds.flat().length;
    this.#stage(`pinging all ${of} pairs, each until it is direct, for fifteen seconds at most`);
    let done = 0;
    const pingOne = async (first: number, second: number): Promise<Couple> => {
      const [from, to] = [members[first], members[second]];
      assert(from !== undefined && to !== undefined, 'a tournament is between members');
      const couple = await this.#ping(from, to);
      const { directMs } = couple.ping;
      report({ type: 'pinged', from: from.name, to: to.name, directMs, done: ++done, of });
      return couple;
    };
    return Promise.all(
      rounds.map((round) => Promise.all(round.map(([first, second]) => pingOne(first, second)))),
    );
  }

  /** Moves 2 MB through each pair, round by round. */
  async transfer(agents: TransferAgents, rounds: readonly Round[]): Promise<DemoPair[]> {
    const { world, expect, report } = this.#options;
    this.#stage(
      `moving 2 MB through each pair, with the hash checked, in ${rounds.length} rounds of pairs that share no machine`,
    );
    const of = rounds.flat().length;
    const pairs: DemoPair[] = [];
    for (const round of rounds) {
      for (const pair of await measureTogether(world, agents, round, expect)) {
        pairs.push(pair);
        report({ type: 'pair', pair, done: pairs.length, of });
      }
    }
    const second: DemoPair[] = [];
    for (const pair of pairs) second.push(await this.#tryAgain(agents, pair));
    return second;
  }

  /** Moves 20 MB through one pair of each method; answers all pairs. */
  async moveMuch(agents: TransferAgents, pairs: readonly DemoPair[]): Promise<DemoPair[]> {
    const chosen = oneOfEach(pairs, ({ method }) => method);
    const names = chosen.map(({ from, to, method }) => `${from} - ${to} (${method ?? ''})`);
    this.#stage(`moving 20 MB through one pair of each method: ${names.join(', ')}`);
    const result = new Map(pairs.map((pair) => [pair, pair]));
    for (const group of disjointGroups(chosen)) {
      const moved = await this.#bulk(agents, group);
      for (const [index, pair] of group.entries()) {
        const after = moved[index] ?? pair;
        const news = after.problems.slice(pair.problems.length);
        if (news.length === 0) {
          result.set(pair, after);
          continue;
        }
        this.#tellAgain(pair, news);
        const [again = after] = await this.#bulk(agents, [pair]);
        result.set(pair, { ...again, firstTry: [...(pair.firstTry ?? []), ...news] });
      }
    }
    return this.#inOrder([...result.values()]);
  }

  async #bulk(agents: TransferAgents, group: readonly DemoPair[]): Promise<DemoPair[]> {
    const { world } = this.#options;
    const couples = group.map(({ from, to }) => ({
      from: this.#member(from),
      to: this.#member(to),
    }));
    const transfers = await transferTogether(world, agents, couples, BULK_BYTES);
    return group.map((pair, index) => {
      const transfer = transfers[index];
      return transfer === undefined ? pair : withBulk(world, pair, transfer);
    });
  }

  async #tryAgain(agents: TransferAgents, pair: DemoPair): Promise<DemoPair> {
    if (pair.problems.length === 0) return pair;
    this.#tellAgain(pair, pair.problems);
    const couple = await this.#ping(this.#member(pair.from), this.#member(pair.to));
    const { world, expect } = this.#options;
    const [again] = await measureTogether(world, agents, [couple], expect);
    return again === undefined ? pair : { ...again, firstTry: pair.problems };
  }

  async #ping(from: PairMember, to: PairMember): Promise<Couple> {
    return { from, to, ping: await pingPair(this.#options.world, from, to) };
  }

  #stage(message: string): void {
    this.#options.report({ type: 'stage', message });
  }

  #tellAgain({ from, to }: DemoPair, problems: readonly string[]): void {
    this.#stage(`trying ${from} - ${to} again with nothing beside it: ${problems.join('; ')}`);
  }

  #member(name: string): PairMember {
    const member = this.#options.members.find((candidate) => candidate.name === name);
    assert(member !== undefined, `${name} is a machine of the demo`);
    return member;
  }

  /** As people read a table: by the machines' order. */
  #inOrder(pairs: readonly DemoPair[]): DemoPair[] {
    const names = this.#options.members.map(({ name }) => name);
    const place = ({ from, to }: DemoPair): number =>
      names.indexOf(from) * names.length + names.indexOf(to);
    return [...pairs].sort((a, b) => place(a) - place(b));
  }
}
