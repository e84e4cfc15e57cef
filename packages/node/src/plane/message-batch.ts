/**
 * Messages to the other thread, those of one turn in one post: a search for ports opens 256 sockets within some
 * milliseconds, and each post wakes the other side, whose turn ends with all of its timers looked at.
 */

export class MessageBatch<Message> {
  readonly #post: (messages: readonly Message[]) => void;
  #waiting: Message[] = [];

  constructor(post: (messages: readonly Message[]) => void) {
    this.#post = post;
  }

  /** Goes out when the code that runs now has ended, after those added before. */
  add(message: Message): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.flush());
    this.#waiting.push(message);
  }

  /** At once. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting;
    this.#waiting = [];
    this.#post(messages);
  }
}
