/**
 * The admin API: routes made of operations, answered by `fetch` without a socket.
 *
 *     source's rate -> token -> scope -> body, checked by its schema -> operation -> audit log -> answer
 *       429            401      403      400, 413                                                or problem
 *
 * On the admin socket there is no token: who can open it is the operator. Elsewhere wrong tokens of one source are
 * few, right ones are let pass all the same: a stranger behind the same NAT locks nobody out.
 */
import { WarrenError } from '@warren/core/base/errors';
import { asObject } from '@warren/core/base/json';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { Hono } from 'hono';
import { ControlError } from '../../errors.js';
import { SourceRates } from '../source-rates.js';
import { documentOf } from './api-document.js';
import { type RequestInput, readInput } from './api-input.js';
import type { DatabaseCopy } from './backup-copy.js';
import type { ApiTarget, Operation } from './operation.js';
import { allOperations } from './operations/all-operations.js';
import { problemAnswer, problemOf } from './problems.js';
import { mayPass, scopesFor } from './scopes.js';

export const API_PATH = '/api/v1';

/** Requests of one source: a script that goes through all nodes at once, then a steady stream. */
const REQUEST_BURST = 300;
const REQUESTS_PER_SECOND = 30;
/** Wrong tokens of one source: somebody pastes the wrong one a few times. */
const FAILURE_BURST = 10;
const FAILURES_PER_SECOND = 1 / 10;

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** Who asks: the operator on the admin socket, or whoever has a token. */
type Caller = 'local' | { readonly id: string; readonly scopes: readonly string[] };

export interface AdminApiOptions {
  /** Asked at each request: the API stands before the server behind it does. Throws STARTING. */
  readonly target: () => ApiTarget;
  readonly clock: Clock;
  readonly log: Logger;
}

/** With each request: the address that it came from; null: the admin socket. */
interface Env {
  Bindings: { source: string | null };
}

export class AdminApi {
  readonly #options: AdminApiOptions;
  readonly #app = new Hono<Env>();
  readonly #requests = new SourceRates(REQUEST_BURST, REQUESTS_PER_SECOND);
  readonly #failures = new SourceRates(FAILURE_BURST, FAILURES_PER_SECOND);

  constructor(options: AdminApiOptions) {
    this.#options = options;
    const app = this.#app;
    app.use('*', async (context, next) => {
      this.#limit(context.env.source);
      await next();
    });
    const document = documentOf(allOperations);
    app.get(`${API_PATH}/openapi.json`, () => json(document));
    for (const one of allOperations) {
      const path = `${API_PATH}${one.path.replace(/\{(\w+)\}/g, ':$1')}`;
      app.on(one.method.toUpperCase(), path, (context) =>
        this.#answer(one, context.req.raw, context.env.source, {
          params: context.req.param(),
          query: context.req.query(),
        }),
      );
    }
    app.notFound((context) => problemAnswer(notHere(context.req.method, context.req.path)));
    app.onError((error) => {
      if (!(error instanceof WarrenError))
        this.#options.log.error('an admin request failed', { error });
      return problemAnswer(error, this.#headersOf(error));
    });
  }

  /** `source`: the address that the request came from; null: it came over the admin socket. */
  fetch(request: Request, source: string | null): Response | Promise<Response> {
    return this.#app.fetch(request, { source });
  }

  #limit(source: string | null): void {
    if (source === null || this.#requests.take(source, this.#options.clock.now())) return;
    throw new ControlError(
      'TOO_MANY_REQUESTS',
      'too many requests from this address',
      'Ask less often; Retry-After says when to try again.',
    );
  }

  #headersOf(error: unknown): Record<string, string> {
    if (!(error instanceof WarrenError)) return {};
    switch (error.code) {
      case 'TOO_MANY_REQUESTS':
        return { 'retry-after': String(this.#failures.retryAfterSeconds) };
      case 'TOKEN_INVALID':
        return { 'www-authenticate': 'Bearer realm="warren"' };
      case 'REQUEST_TOO_LARGE':
        return { connection: 'close' }; // the rest of its body is not the next request
      default:
        return {};
    }
  }

  async #answer(
    one: Operation,
    request: Request,
    source: string | null,
    place: Pick<RequestInput, 'params' | 'query'>,
  ): Promise<Response> {
    const target = this.#options.target();
    const caller = one.access === 'public' ? undefined : this.#callerOf(target, request, source);
    const isAudited = caller !== undefined && (one.answer === undefined || !isLook(one));
    let detail = '';
    try {
      if (caller !== undefined) checkAccess(one, caller);
      const input = await readInput(one, request, place);
      if (input.body !== undefined) detail = JSON.stringify(input.body);
      const answer = await one.run({ ...target, ...input } as never);
      if (isAudited) this.#record(target, caller, one, place, detail, 'ok', answer);
      return one.answer === undefined ? binary(answer as DatabaseCopy) : json(answer);
    } catch (error) {
      const { code } = problemOf(error);
      if (isAudited) this.#record(target, caller, one, place, detail, code, undefined);
      throw error;
    }
  }

  #record(
    { admin }: ApiTarget,
    caller: Caller,
    one: Operation,
    { params }: Pick<RequestInput, 'params'>,
    detail: string,
    outcome: string,
    answer: unknown,
  ): void {
    const actor = caller === 'local' ? caller : `token:${caller.id}`;
    const made = asObject(answer)?.['id'];
    const isName = typeof made === 'string' || typeof made === 'number';
    const target = params['id'] ?? (isName ? String(made) : '');
    admin.audit.record({ actor, action: one.id, target, detail, outcome });
  }

  #callerOf({ admin }: ApiTarget, request: Request, source: string | null): Caller {
    if (source === null) return 'local';
    const [, text] =
      /^Bearer +([\x21-\x7e]{1,256})$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    const token = text === undefined ? undefined : admin.tokens.find(text);
    if (token !== undefined) return token;
    if (!this.#failures.take(source, this.#options.clock.now())) {
      throw new ControlError(
        'TOO_MANY_REQUESTS',
        'too many requests without a token that is good',
        'Check the token; Retry-After says when to try again.',
      );
    }
    throw new ControlError(
      'TOKEN_INVALID',
      text === undefined ? 'the request has no token' : 'the token is unknown, expired or revoked',
      'Send Authorization: Bearer wkey-api-…; `warren control tokens create` on the server makes one.',
    );
  }
}

function isLook(one: Operation): boolean {
  return one.method === 'get' || one.isLook === true;
}

function checkAccess({ access, summary }: Operation, caller: Caller): void {
  if (access === 'public' || caller === 'local') return;
  if (access === 'local') {
    throw new ControlError(
      'TOKEN_SCOPE',
      'only the admin socket on the server itself does that',
      'Log in there and run `warren control` without --server.',
    );
  }
  if (mayPass(caller.scopes, access)) return;
  throw new ControlError(
    'TOKEN_SCOPE',
    `this token may not do that (${summary})`,
    `Use one with the scope ${scopesFor(access).join(' or ')}.`,
  );
}

function notHere(method: string, path: string): ControlError {
  return new ControlError(
    'NOT_HERE',
    `no ${method} ${path.slice(0, 128)} here`,
    `${API_PATH}/openapi.json says what there is.`,
  );
}

function json(answer: unknown): Response {
  const headers = { ...HEADERS, 'content-type': 'application/json' };
  return new Response(`${JSON.stringify(answer)}\n`, { headers });
}

function binary({ body, bytes }: DatabaseCopy): Response {
  return new Response(body, {
    headers: {
      ...HEADERS,
      'content-type': 'application/vnd.sqlite3',
      'content-length': String(bytes),
      'content-disposition': 'attachment; filename="control.db"',
    },
  });
}
