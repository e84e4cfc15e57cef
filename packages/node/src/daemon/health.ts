/**
 * What is wrong now, in sentences: each subject has at most one, and clearing it makes it disappear.
 * Subjects are literals of ours plus relay regions, so the table is bounded.
 */
export class Health {
  readonly #sentences = new Map<string, string>();

  set(subject: string, sentence: string): void {
    this.#sentences.set(subject, sentence);
  }

  clear(subject: string): void {
    this.#sentences.delete(subject);
  }

  clearAll(): void {
    this.#sentences.clear();
  }

  get sentences(): readonly string[] {
    return [...this.#sentences.values()];
  }
}
