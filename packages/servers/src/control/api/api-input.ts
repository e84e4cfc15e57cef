/** What comes with a request: bounded, then as its operation's schemas say. */
import { parseJson } from '@warren/core/base/json';
import type { ZodType } from 'zod';
import { ControlError } from '../../errors.js';
import { invalid } from '../admin-input.js';
import type { Operation } from './operation.js';

/** The largest of common requests has a few hundred routes or tags. */
const BODY_MAX = 64 * 1024;
/** Faults named in one answer. */
const FAULTS_MAX = 3;

export interface RequestInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/** Throws REQUEST_INVALID or REQUEST_TOO_LARGE. */
export async function readInput(
  one: Operation,
  request: Request,
  { params, query }: RequestInput,
): Promise<{ params: unknown; query: unknown; body: unknown }> {
  return {
    params: checked(one, one.params, params),
    query: checked(one, one.query, query),
    body:
      one.body === undefined
        ? undefined
        : checked(one, one.body, await readBody(one, request, one.bodyMax ?? BODY_MAX)),
  };
}

function checked(one: Operation, schema: ZodType | undefined, given: unknown): unknown {
  if (schema === undefined) return {};
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, FAULTS_MAX)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  const hint =
    one.example === undefined
      ? '/api/v1/openapi.json says what it takes.'
      : `Send ${one.example} or the like.`;
  throw invalid(`the request makes no sense: ${faults.join('; ')}`, hint);
}

/** An empty body asks for the defaults. */
async function readBody(one: Operation, request: Request, bytesMax: number): Promise<unknown> {
  const bytes = await readBytes(request, bytesMax);
  if (bytes.length === 0) return {};
  const body = parseJson(bytes);
  if (body !== undefined) return body;
  throw invalid('the request is not JSON', `Send ${one.example ?? '{}'} or the like.`);
}

async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > bytesMax) throw tooLarge(bytesMax);
  const parts: Uint8Array[] = [];
  let length = 0;
  if (request.body === null) return new Uint8Array();
  for await (const part of request.body as unknown as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function tooLarge(bytesMax: number): ControlError {
  return new ControlError(
    'REQUEST_TOO_LARGE',
    `the request has more than ${bytesMax / 1024} KiB`,
    'Send less.',
  );
}
