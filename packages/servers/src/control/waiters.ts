/** Promises of what ends by and by, by id: long polls hold them while their streams are open. */
export class Waiters<Ending> {
  readonly #waiting = new Map<string, Set<(ending: Ending) => void>>();

  /** How `id` ends; `gone` when `whileOpen` aborts first. */
  wait(id: string, whileOpen: AbortSignal): Promise<Ending | 'gone'> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiters);
      const settle = (ending: Ending | 'gone'): void => {
        whileOpen.removeEventListener('abort', leave);
        waiters.delete(settle);
        if (waiters.size === 0 && this.#waiting.get(id) === waiters) this.#waiting.delete(id);
        resolve(ending);
      };
      const leave = (): void => settle('gone');
      waiters.add(settle);
      whileOpen.addEventListener('abort', leave);
      if (whileOpen.aborted) leave();
    });
  }

  /** Tells all who wait for `id`. */
  end(id: string, ending: Ending): void {
    const waiters = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const settle of [...(waiters ?? [])]) settle(ending);
  }
}
