/** Errors as the admin API answers them: RFC 7807 documents with Warren's codes and hints. */
import { WarrenError } from '@warren/core/base/errors';
import type { ProblemInfo } from '../admin-types.js';

/** What went wrong, by HTTP's number; 500 is everything else. */
const STATUS: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  TOKEN_INVALID: 401,
  TOKEN_SCOPE: 403,
  NOT_HERE: 404,
  AUTH_KEY_UNKNOWN: 404,
  LOGIN_UNKNOWN: 404,
  NODE_UNKNOWN: 404,
  SSH_CHECK_UNKNOWN: 404,
  TOKEN_UNKNOWN: 404,
  USER_UNKNOWN: 404,
  FILE_MISSING: 404,
  AUTH_KEYS_FULL: 409,
  LOGIN_FAILED: 409,
  NODE_KEY_TAKEN: 409,
  NODE_NAME_TAKEN: 409,
  NODES_FULL: 409,
  POLICY_IN_FILE: 409,
  TAGS_NOT_PERMITTED: 409,
  TOKENS_FULL: 409,
  USER_OWNS_NODES: 409,
  USER_TAKEN: 409,
  USERS_FULL: 409,
  REQUEST_TOO_LARGE: 413,
  CONFIG_INVALID: 422,
  POLICY_TESTS: 422,
  TOO_MANY_REQUESTS: 429,
  STARTING: 503,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export const PROBLEM_TYPE = 'application/problem+json';

export function problemOf(error: unknown): ProblemInfo {
  const isOurs = error instanceof WarrenError;
  const code = isOurs ? error.code : 'BUG';
  const status = STATUS[code] ?? 500;
  return {
    type: `urn:warren:error:${code}`,
    title: TITLES[status] ?? '',
    status,
    detail: isOurs ? error.message : 'the server failed',
    code,
    hint: isOurs ? error.hint : 'Please report it; the server has more in its log.',
  };
}

export function problemAnswer(
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const problem = problemOf(error);
  return new Response(`${JSON.stringify(problem)}\n`, {
    status: problem.status,
    headers: { ...headers, 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' },
  });
}
