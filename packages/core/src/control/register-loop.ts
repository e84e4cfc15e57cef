/**
 * Login, as a loop: which key is registered how, until control says yes.
 *
 *     idle --start--> registering --yes--> registered
 *       registering --AuthURL--> registering (follows up, without a limit of time)
 *       registering --NodeKeyExpired--> registering with a new key, once
 *       registering --an error about the auth key, a person's no--> idle (a person has to act)
 *       registering --any other trouble--> registering after a back-off
 *     registered --forced--> renewing: as registering, with a new key, while the present one still serves
 *       renewing --yes--> registered with the new one
 *       renewing --no--> registered as before
 *     registering, registered --logout--> leaving --any answer--> idle, key erased
 *
 * A first key is announced before it is used, so that a crash between control's yes and ours finds it again
 * and no one-shot auth key is lost. A key that replaces another is announced only when control took it.
 */
import { assert } from '../base/assert.js';
import type { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { JsonObject } from '../base/json.js';
import { randomFraction } from '../base/random.js';
import {
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import type { ControlClientInput, RequestId } from './io.js';
import {
  decodeRegisterAnswer,
  formatStatus,
  type RegisterAnswer,
  registerBody,
} from './messages.js';
import type { Outbox } from './outbox.js';
import { RequestSlot } from './request-slot.js';

/** A registration without a person in it is answered at once. */
const registerTimeoutMs = 30_000;
/** A logout that isn't answered by then is done without control. */
const logoutTimeoutMs = 10_000;
/** 429 without a time: 5 to 10 s. */
const tooManyMinMs = 5000;
/** The longest that a server may make us wait, as stock clients have it. */
const toldWaitMaxMs = 3_600_000;

/**
 * Errors that no retry cures: the key is wrong, expired, used up or missing, somebody said no, or this client is too old. Our
 * server's and headscale's texts all name what they are about.
 */
const FATAL = /auth ?-?key|pre-?auth|too old|unsupported|not permitted|rejected/i;

type RegisterResponse = Extract<ControlClientInput, { readonly type: 'response' }>;

export type RegisterPhase = 'idle' | 'registering' | 'registered' | 'leaving';

export interface RegisterLoopOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly nodeKey: NodePrivateKey | undefined;
  readonly ephemeral: boolean;
  readonly outbox: Outbox;
  readonly counters: Counters;
}

export class RegisterLoop {
  readonly #options: RegisterLoopOptions;
  readonly #request: RequestSlot;
  #phase: RegisterPhase = 'idle';
  /** The key in use. */
  #key: NodePrivateKey | undefined;
  /** A key that control hasn't taken yet. */
  #pending: NodePrivateKey | undefined;
  /** What `#pending` replaces. */
  #oldKey: NodeKey | undefined;
  #authKey: string | undefined;
  #followup = '';
  /** NodeKeyExpired is answered with a new key once per login. */
  #renewed = false;
  /** The present key serves while a new one is asked for. */
  #isRenewing = false;

  constructor(options: RegisterLoopOptions) {
    this.#options = options;
    this.#key = options.nodeKey;
    this.#request = new RequestSlot(options.outbox, options.random);
  }

  get phase(): RegisterPhase {
    return this.#phase;
  }

  /** True while the key in use is one that control has taken. */
  get isMember(): boolean {
    return this.#phase === 'registered' || this.#isRenewing;
  }

  /** True while the key in use serves and another is asked for. */
  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  /** True while a person has to open a URL before anything can go on. */
  get waitsForPerson(): boolean {
    return this.#followup !== '' && !this.#isRenewing;
  }

  /** The public half of the key in use; undefined: never registered. */
  get nodeKey(): NodeKey | undefined {
    return this.#key === undefined ? undefined : this.#publicOf(this.#key);
  }

  /** Begins a login, also in the middle of another. `force`: with a new node key. */
  start(authKey: string | undefined, force = false): void {
    this.#request.cancel();
    this.#isRenewing = force && this.isMember;
    this.#phase = 'registering';
    this.#authKey = authKey;
    this.#followup = '';
    this.#renewed = false;
    if (force && this.#key !== undefined) this.#renewKey();
    this.#request.backoff.reset();
  }

  /** Begins a logout; without a connection it is done at once. */
  logOut(isConnected: boolean, hostInfo: JsonObject, now: Instant): void {
    this.#request.cancel();
    const nodeKey = this.nodeKey;
    if (!isConnected || nodeKey === undefined || !this.isMember) {
      this.#erase();
      return;
    }
    this.#phase = 'leaving';
    this.#isRenewing = false;
    this.#pending = undefined;
    this.#followup = '';
    this.#send(nodeKey, hostInfo, logoutTimeoutMs, now);
  }

  /** The connection is gone, and with it every request. */
  reset(): void {
    this.#request.forget();
    if (this.#phase === 'leaving') this.#erase();
  }

  /** Sends what is due. */
  step(hostInfo: JsonObject, now: Instant): void {
    this.#request.runTimers(now);
    if (this.#phase !== 'registering' || !this.#request.isDue(now)) return;
    if (this.#pending === undefined && this.#key === undefined) {
      this.#key = generatePrivateKey('node', this.#options.random);
      this.#options.outbox.emit({ type: 'node-key', nodeKey: this.#key });
    }
    const key = this.#pending ?? this.#key;
    assert(key !== undefined, 'a registration has a key');
    const timeoutMs = this.#followup === '' ? registerTimeoutMs : undefined;
    this.#send(this.#publicOf(key), hostInfo, timeoutMs, now);
  }

  nextTimeout(): Instant | undefined {
    const isAsking = this.#phase === 'registering' || this.#phase === 'leaving';
    return isAsking ? this.#request.nextTimeout() : undefined;
  }

  /** Takes an answer; false: it is not ours. */
  handleResponse(response: RegisterResponse, now: Instant): boolean {
    if (!this.#request.take(response.id)) return false;
    if (this.#phase === 'leaving') this.#erase();
    else if (response.status !== 200) this.#handleStatus(response, now);
    else this.#handleAnswer(response.body, now);
    return true;
  }

  /** Takes a failure; false: it is not ours. */
  handleFailure(id: RequestId, now: Instant): boolean {
    if (!this.#request.take(id)) return false;
    if (this.#phase === 'leaving') this.#erase();
    else this.#request.backoff.fail(now);
    return true;
  }

  #handleStatus({ status, body, retryAfterMs }: RegisterResponse, now: Instant): void {
    const toldMs = Math.min(retryAfterMs ?? 0, toldWaitMaxMs);
    const defaultMs = tooManyMinMs * (1 + randomFraction(this.#options.random));
    this.#request.backoff.fail(now, status === 429 ? toldMs || defaultMs : 0);
    this.#refuse(`control answered ${formatStatus(status, body)}`, false);
  }

  #handleAnswer(body: Uint8Array, now: Instant): void {
    const answer = decodeRegisterAnswer(body);
    if (isFailure(answer)) {
      this.#options.counters.add(`control-${answer.reason}`);
      this.#request.backoff.fail(now);
      this.#refuse('control sent an answer that makes no sense', false);
    } else if (answer.error !== '') {
      this.#handleError(answer.error, now);
    } else if (answer.nodeKeyExpired) {
      this.#renew(now);
    } else if (answer.authUrl !== '') {
      this.#followUp(answer.authUrl, now);
    } else {
      this.#succeed(answer);
    }
  }

  #handleError(text: string, now: Instant): void {
    const fatal = FATAL.test(text);
    if (fatal) {
      this.#phase = this.#isRenewing ? 'registered' : 'idle';
      this.#isRenewing = false;
      this.#authKey = undefined;
      this.#pending = undefined;
      this.#followup = '';
    } else {
      this.#request.backoff.fail(now);
    }
    this.#refuse(text, fatal);
  }

  #renew(now: Instant): void {
    if (this.#renewed) {
      this.#request.backoff.fail(now);
      this.#refuse('control calls our new key expired too', false);
      return;
    }
    this.#renewKey();
  }

  #renewKey(): void {
    this.#renewed = true;
    this.#oldKey = this.nodeKey;
    this.#pending = generatePrivateKey('node', this.#options.random);
  }

  #followUp(url: string, now: Instant): void {
    // The same URL again means that nobody has opened it yet and the server doesn't wait.
    if (url === this.#followup) {
      this.#request.backoff.fail(now);
      return;
    }
    const key = this.#pending ?? this.#key;
    assert(key !== undefined, 'who is sent to a person has asked with a key');
    this.#followup = url;
    this.#options.outbox.emit({ type: 'auth-url', url, nodeKey: this.#publicOf(key) });
  }

  #succeed(answer: RegisterAnswer): void {
    this.#options.counters.add(
      answer.machineAuthorized ? 'control-registered' : 'control-registered-unapproved',
    );
    if (this.#pending !== undefined) {
      this.#key = this.#pending;
      this.#pending = undefined;
      this.#options.outbox.emit({ type: 'node-key', nodeKey: this.#key });
    }
    this.#phase = 'registered';
    this.#isRenewing = false;
    this.#authKey = undefined;
    this.#followup = '';
    this.#request.backoff.reset();
  }

  #send(nodeKey: NodeKey, hostInfo: JsonObject, timeoutMs: number | undefined, now: Instant): void {
    const body = registerBody({
      nodeKey,
      oldNodeKey: this.#oldKey,
      authKey: this.#phase === 'leaving' ? undefined : this.#authKey,
      followup: this.#followup,
      ephemeral: this.#options.ephemeral,
      hostInfo,
      logOut: this.#phase === 'leaving',
    });
    this.#request.send('/machine/register', body, { streaming: false, timeoutMs }, now);
  }

  #refuse(message: string, fatal: boolean): void {
    this.#options.counters.add(fatal ? 'control-refused' : 'control-register-failed');
    this.#options.outbox.emit({ type: 'refused', message, fatal });
  }

  #erase(): void {
    const hadKey = this.#key !== undefined;
    this.#phase = 'idle';
    this.#isRenewing = false;
    // Repeated in the next login: a server that knows it gives us the same node again.
    this.#oldKey = this.nodeKey ?? this.#oldKey;
    this.#key = undefined;
    this.#pending = undefined;
    this.#authKey = undefined;
    this.#followup = '';
    if (hadKey) this.#options.outbox.emit({ type: 'node-key', nodeKey: undefined });
  }

  #publicOf(key: NodePrivateKey): NodeKey {
    return publicKeyOf(this.#options.crypto, 'node', key);
  }
}
