/** What the loops of the control client have in common: a queue of outputs and numbers for requests. */
import type { JsonValue } from '../base/json.js';
import { encodeUtf8 } from '../base/text.js';
import type { ControlClientOutput, RequestId } from './io.js';

export interface RequestOptions {
  readonly streaming: boolean;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

export class Outbox {
  readonly #outputs: ControlClientOutput[] = [];
  #lastId: RequestId = 0;

  emit(output: ControlClientOutput): void {
    this.#outputs.push(output);
  }

  /** Queues a request; ids are never used twice. */
  request(path: string, body: JsonValue, options: RequestOptions): RequestId {
    const id = ++this.#lastId;
    const bytes = encodeUtf8(JSON.stringify(body));
    this.emit({ type: 'request', id, path, body: bytes, ...options });
    return id;
  }

  /** Queues a request whose answer matters to the server alone; `outside`: over a connection of its own. */
  head(path: string, timeoutMs: number, outside: boolean): RequestId {
    const id = ++this.#lastId;
    const where = outside ? ({ outside: true } as const) : {};
    const how = { method: 'HEAD', body: new Uint8Array(), streaming: false, timeoutMs } as const;
    this.emit({ type: 'request', id, path, ...how, ...where });
    return id;
  }

  poll(): ControlClientOutput | undefined {
    return this.#outputs.shift();
  }
}
