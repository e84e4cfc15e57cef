/** The OpenAPI 3.1 document of the admin API, which follows from its operations. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Operation } from './operation.js';
import { PROBLEM_TYPE } from './problems.js';
import { problemSchema } from './schemas/system.js';
import { type Access, scopesFor } from './scopes.js';

const BEARER = 'token';

const DESCRIPTION = `What operators of a Warren hub do, with a token over HTTPS or without one over its admin socket.
Errors are RFC 7807 documents with a stable \`code\` and a \`hint\`.`;

/** The document of these operations, as JSON. */
export function documentOf(operations: readonly Operation[]): object {
  const app = new OpenAPIHono();
  const registry = app.openAPIRegistry;
  registry.registerComponent('securitySchemes', BEARER, {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'wkey-api-…',
    description: 'Made by `warren control tokens create`.',
  });
  for (const one of operations) {
    const isOpen = one.access === 'public' || one.access === 'local';
    registry.registerPath({
      method: one.method,
      path: `/api/v1${one.path}`,
      operationId: one.id,
      summary: one.summary,
      description: accessWords(one.access),
      tags: [one.tag],
      security: isOpen ? [] : [{ [BEARER]: [] }],
      request: {
        ...(one.params === undefined ? {} : { params: one.params }),
        ...(one.query === undefined ? {} : { query: one.query }),
        ...(one.body === undefined
          ? {}
          : { body: { content: { 'application/json': { schema: one.body } }, required: true } }),
      },
      responses: {
        200: {
          description: 'Done',
          content:
            one.answer === undefined
              ? { 'application/vnd.sqlite3': { schema: { type: 'string', format: 'binary' } } }
              : { 'application/json': { schema: one.answer } },
        },
        default: {
          description: 'Refused or failed',
          content: { [PROBLEM_TYPE]: { schema: problemSchema } },
        },
      },
    });
  }
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Warren admin API', version: '1', description: DESCRIPTION },
  });
}

function accessWords(access: Access | 'public' | 'local'): string {
  if (access === 'public') return 'Open to everybody.';
  if (access === 'local') return 'On the admin socket alone.';
  return `Needs a token with the scope ${scopesFor(access).join(' or ')}.`;
}
