/**
 * What an `up` makes of the stored login. Pure.
 *
 * A change to another server (or to other pins of the same one) keeps the login that worked as `previous`
 * until the new one has worked too: a typing error in an address must not cost a machine its identity.
 */
import { parseAuthKey } from '@warren/core/control/auth-key';
import { parseLoginServer, pinsOfServer } from '../control/login-server.js';
import { NodeError } from '../errors.js';
import type { UpRequest } from '../local-api/protocol.js';
import type { Login, Profile, ServerPins } from './profile.js';

/** What all keys of Warren's own hubs begin with; keys of other servers look otherwise. */
const OWN_KEY_PREFIX = 'wkey-';

/** The profile to log in with. Throws a {@link NodeError} for a request that can't work. */
export function profileFor(request: UpRequest, profile: Profile): Profile {
  const given = request.loginServer ?? profile.login?.server;
  if (given === undefined) {
    throw new NodeError(
      'LOGIN_SERVER_MISSING',
      'this node has never joined a network',
      'give --login-server https://HOST as the hub printed it, and --auth-key KEY unless somebody approves the login',
    );
  }
  const server = parseLoginServer(given).origin;
  const known = [profile.login, profile.previous].filter((login) => login !== undefined);
  const same = known.find((login) => login.server === server);
  const pins = pinsOf(request.authKey) ?? pinsOfServer(given) ?? same?.pins;
  const isChange = same === undefined || !samePins(same.pins, pins);
  const login: Login =
    same === undefined || isChange ? { server, pins, nodeKey: same?.nodeKey, joined: false } : same;
  const previous = known.find((login) => login.joined);
  return {
    ...profile,
    login,
    previous: login.joined ? undefined : previous,
    hostName: request.hostName ?? profile.hostName,
    advertiseTags: request.advertiseTags ?? profile.advertiseTags,
    wantRunning: true,
  };
}

/** True when both ask for the same tags. */
export function asksAlike(a: Profile, b: Profile): boolean {
  const tagsOf = ({ advertiseTags = [] }: Profile): string => [...advertiseTags].sort().join(' ');
  return tagsOf(a) === tagsOf(b);
}

/** The profile without its login: where to log in is still known, who this machine was there is not. */
export function profileLoggedOut(profile: Profile): Profile {
  const { login } = profile;
  return {
    ...profile,
    login: login === undefined ? undefined : { ...login, nodeKey: undefined, joined: false },
    previous: undefined,
    wantRunning: false,
  };
}

/** The profile after a first login, or a change of server, that failed: as if nobody had asked. */
export function profileWithout(failed: Profile, before: Profile): Profile {
  const { previous } = failed;
  const { login } = before;
  // A logged-out machine goes on knowing where its network is.
  const known = login?.joined === false && login.nodeKey === undefined ? login : undefined;
  return {
    ...failed,
    login: previous ?? known,
    previous: undefined,
    hostName: before.hostName,
    advertiseTags: before.advertiseTags,
    wantRunning: previous !== undefined && before.wantRunning,
  };
}

/** The pins that a key carries; throws AUTH_KEY_FORMAT for one of ours that is not whole. */
export function pinsOf(authKey: string | undefined): ServerPins | undefined {
  if (authKey === undefined) return undefined;
  const key = parseAuthKey(authKey);
  if (key !== undefined || !authKey.startsWith(OWN_KEY_PREFIX)) return key?.pins;
  throw new NodeError(
    'AUTH_KEY_FORMAT',
    'the auth key is not whole: a part of it is missing or was changed',
    'paste all of it, from wkey-auth- to its last character, or make a new one on the hub with `warren control keys create`',
  );
}

function samePins(a: ServerPins | undefined, b: ServerPins | undefined): boolean {
  return a?.certificateSha256 === b?.certificateSha256 && a?.controlKey === b?.controlKey;
}
