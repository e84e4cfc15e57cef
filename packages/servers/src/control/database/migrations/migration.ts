/**
 * Steps from one schema to the next: numbered, forward only, each in one transaction with the new number. A
 * step that was released is never edited; what it got wrong the next one mends.
 */
import type { Compilable, Queries } from '../schema.js';

export interface Migration {
  /** The schema version that it leads to. */
  readonly number: number;
  readonly name: string;
  /** What to run, in order, in whichever dialect `queries` speaks. */
  readonly statements: (queries: Queries<Record<string, never>>) => readonly Compilable[];
}
