/**
 * The pages at the addresses that machines show people, on the hub's own port: of logins and of SSH sessions
 * (approval-subjects.ts).
 *
 *     GET  /register/ID    what waits, and a form; changes nothing
 *     POST /register/ID    token=..&mine=yes&code=..   lets it in, or says what is wrong
 *     /ssh-check/ID        likewise
 *
 * A post counts when it carries the cookie of the form and the token that goes with it (so another site can't
 * send it, nor a browser that never saw the form), comes from our own origin if it names one, says that it is the
 * person's own, and has an approval code. Tries are few by source, and by what they are for.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { equalSecret } from '@warren/core/base/bytes';
import { parseApprovalCode } from '@warren/core/control/approval-code';
import type { ApprovalRefusal } from '@warren/core/control/server/approve-login';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { pathOf } from '../relay/http-endpoints.js';
import type { AuditLog } from './api/audit-log.js';
import { overPage, PAGE_HEADERS, problemPage } from './approval-html.js';
import type { Approval, ApprovalKind, ApprovalSubject } from './approval-subjects.js';
import { SourceRates } from './source-rates.js';

/** Pages for one source: a person reloads now and then. */
const VIEW_BURST = 60;
const VIEWS_PER_SECOND = 2;
/** Wrong codes of one source: a person mistypes, and mistypes again. */
const GUESS_BURST = 10;
const GUESSES_PER_SECOND = 1 / 30;
/** Wrong codes for one thing, whoever types them; then it has to begin again. */
const GUESSES_PER_SUBJECT = 20;
/** The three fields, encoded. */
const FORM_BYTES_MAX = 4096;
/** A form comes in one packet. */
const FORM_TIMEOUT_MS = 10_000;
/** The prefix makes browsers refuse it from other hosts, paths and plain HTTP. */
const COOKIE = '__Host-warren-login';
const COOKIE_BYTES = 24;
const FORM_TYPE = 'application/x-www-form-urlencoded';

export interface ApprovalPageOptions {
  readonly kinds: readonly ApprovalKind[];
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serverUrl: string;
}

export class ApprovalPage {
  readonly #options: ApprovalPageOptions;
  readonly #views = new SourceRates(VIEW_BURST, VIEWS_PER_SECOND);
  readonly #guesses = new SourceRates(GUESS_BURST, GUESSES_PER_SECOND);
  readonly #guessesOf = new WeakMap<object, number>();
  /** Of this process: a form from before a restart is shown again. */
  readonly #secret = randomBytes(32);

  constructor(options: ApprovalPageOptions) {
    this.#options = options;
  }

  /** False: not this page; nothing was written. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request);
    const kind = this.#options.kinds.find((one) => path.startsWith(one.path));
    if (kind === undefined) return false;
    const source = request.socket.remoteAddress ?? 'unknown';
    if (!this.#views.take(source, this.#options.clock.now())) {
      tooMany(response, this.#views.retryAfterSeconds);
      return true;
    }
    const subject = kind.find(path.slice(kind.path.length));
    if (subject === undefined) send(response, 404, overPage());
    else if (request.method === 'GET' || request.method === 'HEAD')
      this.#show(subject, request, response);
    else if (request.method === 'POST') void this.#post(subject, request, response, source);
    else {
      response.setHeader('Allow', 'GET, HEAD, POST');
      send(
        response,
        405,
        problemPage('Not so', 'This page is read with GET and answered with POST.'),
      );
    }
    return true;
  }

  /** The form; a browser that has our cookie keeps it, so that two open pages both work. */
  #show(
    subject: ApprovalSubject,
    request: IncomingMessage,
    response: ServerResponse,
    status = 200,
    problem?: string,
  ): void {
    const known = cookieOf(request);
    const cookie = known ?? randomBytes(COOKIE_BYTES).toString('base64url');
    if (known === undefined) {
      response.setHeader(
        'Set-Cookie',
        `${COOKIE}=${cookie}; Path=/; Secure; HttpOnly; SameSite=Strict`,
      );
    }
    const token = this.#tokenOf(subject.id, cookie);
    send(response, status, subject.form({ token, problem }));
  }

  async #post(
    subject: ApprovalSubject,
    request: IncomingMessage,
    response: ServerResponse,
    source: string,
  ): Promise<void> {
    try {
      const form = await readForm(request);
      if (form === 'too-large') send(response, 413, problemPage('Too much', 'A form is smaller.'));
      else if (form === undefined) send(response, 415, problemPage('Not so', 'This is no form.'));
      else await this.#judge(subject, form, request, response, source);
    } catch (error) {
      this.#options.log.error('an approval failed', { error });
      send(
        response,
        500,
        problemPage('It failed', 'The hub could not store this; it is in its log.'),
      );
    }
  }

  async #judge(
    subject: ApprovalSubject,
    form: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
    source: string,
  ): Promise<void> {
    const { clock, log } = this.#options;
    if (!this.#isFromForm(subject, form, request)) {
      log.warn('an approval that came from no form of ours was refused', { source });
      this.#show(
        subject,
        request,
        response,
        403,
        'The form was out of date. Please fill it in again.',
      );
      return;
    }
    if (form.get('mine') !== 'yes') {
      this.#show(subject, request, response, 400, 'Say first that it was you who began it.');
      return;
    }
    if (!this.#guesses.take(source, clock.now())) {
      tooMany(response, this.#guesses.retryAfterSeconds);
      return;
    }
    const code = form.get('code') ?? '';
    const outcome = await subject.approve(code);
    if (outcome === undefined) {
      send(response, 404, overPage());
      return;
    }
    this.#record(code, subject, outcome);
    if ('reason' in outcome) {
      this.#refuse(subject, outcome, request, response, source);
      return;
    }
    this.#guesses.giveBack(source);
    send(response, 200, outcome.page);
  }

  /** Wrong codes are nobody's, and would push out the rest. */
  #record(typed: string, subject: ApprovalSubject, outcome: Approval): void {
    const code = parseApprovalCode(typed);
    if (code === undefined || ('reason' in outcome && outcome.reason === 'code')) return;
    this.#options.audit.record({
      actor: `code:${code.id}`,
      action: subject.action,
      target: subject.id,
      detail: 'reason' in outcome ? outcome.text : JSON.stringify(outcome.detail),
      outcome: 'reason' in outcome ? 'LOGIN_FAILED' : 'ok',
    });
  }

  #refuse(
    subject: ApprovalSubject,
    { reason, text }: ApprovalRefusal,
    request: IncomingMessage,
    response: ServerResponse,
    source: string,
  ): void {
    this.#options.log.warn('an approval was refused', { source, reason, text });
    if (reason !== 'code') {
      this.#guesses.giveBack(source);
      this.#show(subject, request, response, 409, `It can't come in: ${text}.`);
      return;
    }
    const guesses = (this.#guessesOf.get(subject.identity) ?? 0) + 1;
    this.#guessesOf.set(subject.identity, guesses);
    if (guesses >= GUESSES_PER_SUBJECT) {
      subject.reject();
      send(response, 404, overPage());
      return;
    }
    this.#show(subject, request, response, 403, `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`);
  }

  #isFromForm(subject: ApprovalSubject, form: URLSearchParams, request: IncomingMessage): boolean {
    const { origin } = request.headers;
    if (origin !== undefined && origin !== this.#options.serverUrl) return false;
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin') return false;
    const cookie = cookieOf(request);
    if (cookie === undefined) return false;
    const expected = Buffer.from(this.#tokenOf(subject.id, cookie));
    return equalSecret(Buffer.from(form.get('token') ?? ''), expected);
  }

  #tokenOf(id: string, cookie: string): string {
    return createHmac('sha256', this.#secret).update(`${id} ${cookie}`).digest('base64url');
  }
}

/** The cookie of an earlier form, if it can be one of ours. */
function cookieOf(request: IncomingMessage): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(/; */);
  const own = pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  return own !== undefined && /^[A-Za-z0-9_-]{32}$/.test(own) ? own : undefined;
}

/** Undefined: no form, or it never came whole. */
function readForm(request: IncomingMessage): Promise<URLSearchParams | 'too-large' | undefined> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== FORM_TYPE) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    const limit = setTimeout(() => request.destroy(), FORM_TIMEOUT_MS);
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length > FORM_BYTES_MAX) resolve('too-large');
      else parts.push(part);
    });
    request.on('error', () => undefined); // `close` follows
    request.on('close', () => {
      clearTimeout(limit);
      resolve(undefined);
    });
    request.on('end', () => resolve(new URLSearchParams(Buffer.concat(parts).toString('utf8'))));
  });
}

function tooMany(response: ServerResponse, retryAfterSeconds: number): void {
  response.setHeader('Retry-After', String(retryAfterSeconds));
  send(response, 429, problemPage('Too many tries', 'Wait a little, then try again.'));
}

function send(response: ServerResponse, status: number, html: string): void {
  if (response.destroyed || response.headersSent) return;
  // What is left of a body that was not read must not be taken for the next request.
  if (status === 413 || status === 415) response.setHeader('Connection', 'close');
  response.writeHead(status, PAGE_HEADERS);
  response.end(html);
}
