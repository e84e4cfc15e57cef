/**
 * People who wait for a network check. The answer is the first thorough report that began after their question, once
 * what is quick to measure of the NAT is measured, too; that holds them up for seconds at most.
 */
import { after, type Instant } from '../base/instant.js';
import type { NetcheckReport } from '../netcheck/report.js';

/** From the report on. */
export const descriptionPatienceMs = 3000;

export class CheckAskers {
  /** Bounded by the local API. */
  #asked: { readonly id: number; readonly at: Instant }[] = [];
  /** A thorough report that is the answer to somebody. */
  #waiting: { readonly report: NetcheckReport; readonly until: Instant } | undefined;

  ask(id: number, at: Instant): void {
    this.#asked.push({ id, at });
  }

  report(report: NetcheckReport, now: Instant): void {
    if (!report.thorough || !this.#asked.some(({ at }) => report.startedAt >= at)) return;
    this.#waiting = { report, until: after(now, descriptionPatienceMs) };
  }

  /** Who is to be answered now, by which report; undefined: nobody. They are asked no more. */
  due(isBusy: boolean, now: Instant): { ids: number[]; report: NetcheckReport } | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined || (isBusy && now < waiting.until)) return undefined;
    this.#waiting = undefined;
    const { report } = waiting;
    const isMeant = ({ at }: { readonly at: Instant }): boolean => report.startedAt >= at;
    const ids = this.#asked.filter(isMeant).map(({ id }) => id);
    this.#asked = this.#asked.filter((asked) => !isMeant(asked));
    return { ids, report };
  }

  nextTimeout(): Instant | undefined {
    return this.#waiting?.until;
  }
}
