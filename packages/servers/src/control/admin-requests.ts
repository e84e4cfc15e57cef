/** Bodies of the admin API, as far as their form goes; what they ask for admin-input.ts judges. */
import { asBoolean, asObject, asString, type JsonObject, parseJson } from '@warren/core/base/json';
import { invalid } from './admin-input.js';
import type { AuthKeyRequest, RoutesRequest, TagRequest, UserRequest } from './admin-types.js';

/** Longer than any name or path that makes sense. */
const TEXT_MAX = 4096;

/** An empty body asks for the defaults. */
function readObject(body: Uint8Array, example: string): JsonObject {
  const given = body.length === 0 ? {} : asObject(parseJson(body));
  if (given !== undefined) return given;
  throw invalid('the request is not a JSON object', `Send ${example} or the like.`);
}

function readText(given: JsonObject, field: string, example: string): string {
  const text = asString(given[field], TEXT_MAX);
  if (text !== undefined && text !== '') return text;
  throw invalid(`the request has no ${field}`, `Send ${example} or the like.`);
}

/** Milliseconds; null: for ever; undefined: not said. What is no number becomes NaN, and is refused later. */
function readLife(given: JsonObject): number | null | undefined {
  const life = given['expiresInMs'];
  if (life === null || life === undefined) return life;
  return typeof life === 'number' ? life : Number.NaN;
}

function readTags(given: JsonObject): readonly string[] {
  const tags = given['tags'] ?? [];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  throw invalid('tags are not a list of texts', 'Send {"tags": ["tag:server"]} or the like.');
}

export function readTagRequest(body: Uint8Array): TagRequest {
  const given = readObject(body, '{"tags": ["tag:server"]}');
  return { tags: readTags(given), user: asString(given['user'], TEXT_MAX) };
}

export function readRoutesRequest(body: Uint8Array): RoutesRequest {
  const example = '{"routes": ["192.168.7.0/24"]}';
  const { routes } = readObject(body, example);
  if (Array.isArray(routes) && routes.every((route) => typeof route === 'string'))
    return { routes };
  throw invalid('routes are not a list of texts', `Send ${example} or the like.`);
}

/** Who is to own the machine; undefined: nobody was named. */
export function readApproveRequest(body: Uint8Array): string | undefined {
  return asString(readObject(body, '{"user": "ann"}')['user'], TEXT_MAX);
}

export function readKeyRequest(body: Uint8Array): AuthKeyRequest {
  const given = readObject(body, '{"reusable": true, "tags": ["tag:server"]}');
  return {
    user: asString(given['user'], TEXT_MAX),
    tags: readTags(given),
    reusable: asBoolean(given['reusable']),
    ephemeral: asBoolean(given['ephemeral']),
    expiresInMs: readLife(given),
  };
}

export function readUserRequest(body: Uint8Array): UserRequest {
  const example = '{"name": "ann", "displayName": "Ann Lee"}';
  const given = readObject(body, example);
  return {
    name: readText(given, 'name', example),
    displayName: asString(given['displayName'], TEXT_MAX),
  };
}

/** The new name; null: the one that follows from the host name. */
export function readRenameRequest(body: Uint8Array): string | null {
  const example = '{"name": "printer"}';
  const given = readObject(body, example);
  return given['name'] === null ? null : readText(given, 'name', example);
}

export function readExpireRequest(body: Uint8Array): number | null | undefined {
  return readLife(readObject(body, '{"expiresInMs": 3600000}'));
}

export function readBackupRequest(body: Uint8Array): string {
  const example = '{"file": "/root/control-backup.db"}';
  return readText(readObject(body, example), 'file', example);
}

/** The text of a policy file. */
export function readPolicyRequest(body: Uint8Array): string {
  const example = '{"text": "{ \\"acls\\": [] }"}';
  const { text } = readObject(body, example);
  if (typeof text === 'string') return text;
  throw invalid('the request has no text', `Send ${example} or the like.`);
}
