/**
 * An operation of the admin API: its place, who may ask for it, the schemas of what goes in and comes out, and what it
 * does. The routes, the checks and the OpenAPI document all follow from a list of these.
 */
import type { ZodObject, ZodType } from 'zod';
import type { ControlAdmin } from '../admin.js';
import type { InfoReport } from '../admin-types.js';
import type { Access } from './scopes.js';

export type Method = 'get' | 'post' | 'put' | 'delete';

/** What all operations work on. */
export interface ApiTarget {
  readonly admin: ControlAdmin;
  readonly info: () => InfoReport;
}

/** Whoever asks has passed by then. */
export interface Call<Params, Query, Body> extends ApiTarget {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

interface OperationHead {
  readonly method: Method;
  /** Below /api/v1, with parameters in braces: `/nodes/{id}`. */
  readonly path: string;
  /** Its name in the document and in the audit log. */
  readonly id: string;
  readonly summary: string;
  /** The part of the document that it is in. */
  readonly tag: string;
  /** `public`: everybody; `local`: on the admin socket alone. */
  readonly access: Access | 'public' | 'local';
  /** Bytes of its body; absent: as little as most need. */
  readonly bodyMax?: number;
  /** True: what it does is no news for the audit log, though it is no GET. */
  readonly isLook?: boolean;
  /** A body in words, for hints. */
  readonly example?: string;
}

interface OperationOf<Params, Query, Body, Answer> extends OperationHead {
  readonly params?: ZodObject & ZodType<Params>;
  readonly query?: ZodObject & ZodType<Query>;
  readonly body?: ZodType<Body>;
  /** Absent: a DatabaseCopy. */
  readonly answer?: ZodType<Answer>;
  readonly run: (call: Call<Params, Query, Body>) => Answer | Promise<Answer>;
}

/** With its types forgotten; `run` gets what the schemas made. */
export interface Operation extends OperationHead {
  readonly params?: ZodObject;
  readonly query?: ZodObject;
  readonly body?: ZodType;
  readonly answer?: ZodType;
  readonly run: (call: Call<never, never, never>) => unknown;
}

/** Checks an operation's function against its schemas. */
export function operation<
  Answer,
  Params = Readonly<Record<string, never>>,
  Query = Readonly<Record<string, never>>,
  Body = undefined,
>(given: OperationOf<Params, Query, Body, Answer>): Operation {
  return given;
}
