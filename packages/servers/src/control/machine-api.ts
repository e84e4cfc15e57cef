/**
 * What clients ask inside a Noise connection. Who asks is the machine key of that connection and nothing else.
 *
 *     POST /machine/register   200 with a RegisterResponse (refusals too), 401 for another machine's node key,
 *                              429 with Retry-After for a source that asks too much; with Followup it is answered
 *                              when a person has decided (login-desk.ts)
 *     POST /machine/map        Stream: frames without end; OmitPeers: a lite update, 200 and empty; else one frame
 *                              404 for an unknown node, 401 for another machine's, 400 for a client too old
 *     GET /machine/ssh/action/SOURCE/to/TARGET   200 with an SSHAction, when it is decided (ssh-desk.ts); 401 for
 *                              another machine than TARGET's
 *     anything else            501 for what other servers have, 404
 */
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { isFailure } from '@warren/core/base/failure';
import { parseJson } from '@warren/core/base/json';
import { CAP_VERSION_MIN } from '@warren/core/control/cap-version';
import type { RegisterContext } from '@warren/core/control/server/admission';
import { NewestConnections } from '@warren/core/control/server/newest-connections';
import type { LoginEnding, PendingLogin } from '@warren/core/control/server/pending-logins';
import {
  loginNeededResponse,
  type RegisterResult,
  refusedResponse,
  register,
  type WireRegisterResponse,
} from '@warren/core/control/server/register';
import {
  decodeMapRequest,
  decodeRegisterRequest,
  type RegisterRequest,
} from '@warren/core/control/server/requests';
import { pingPath } from '@warren/core/control/server/sessions';
import { type ControlState, findNode } from '@warren/core/control/server/state';
import { applyLiteUpdate } from '@warren/core/control/server/update';
import { type MachineKey, shortKey } from '@warren/core/keys/keys';
import type { WireSshAction } from '@warren/core/netmap/wire';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import type { LoginDesk } from './login-desk.js';
import type { MapStreams } from './map-streams.js';
import type { PathBook } from './path-book.js';
import { SourceRates } from './source-rates.js';
import type { SshDesk } from './ssh-desk.js';
import type { StateStore } from './state-store.js';

/** Requests have a few kilobytes; stock servers accept this much too. */
const BODY_BYTES_MAX = 1024 * 1024;
/** A request's body is sent at once; a slow one only holds memory. */
const BODY_TIMEOUT_MS = 30_000;

/** Registrations that are refused: keys mistyped, and clients that try the same one again and again. */
const REFUSAL_BURST = 60;
const REFUSALS_PER_SECOND = 1;
/** For whoever waits for a person, when too many do. */
const BUSY_RETRY_SECONDS = 60;
const REJECTED = 'this login was rejected by the operator of the network';

/** Known to clients, harmless to refuse. */
const NOT_IMPLEMENTED =
  /^\/machine\/(set-dns|id-token|feature|update-health|set-device-attr|audit-log|webclient|whoami|tka)(\/|$)/;

/** Node ids have at most 15 digits. */
const SSH_PATH = /^\/machine\/ssh\/action\/(\d{1,15})\/to\/(\d{1,15})$/;

const [PING_PATH] = pingPath.split('?', 1);

export interface MachineApiOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly baseDomain: string;
  /** What the registrations of a machine are judged with. */
  readonly contextOf: (machineKey: MachineKey) => RegisterContext;
  readonly desk: LoginDesk;
  readonly sshDesk: SshDesk;
  readonly store: StateStore;
  readonly streams: MapStreams;
  readonly paths: PathBook;
}

/** The connection that a request came in on. */
export interface MachineConnection {
  /** Counts up with every connection. */
  readonly number: number;
  readonly machineKey: MachineKey;
  readonly source: string;
  /** Called when control knew a node of this machine: the connection is no guest any more. */
  readonly admitted: () => void;
  /** A request waits for a person; what it answers is called when that is over. */
  readonly waiting: () => () => void;
}

export class MachineApi {
  readonly #options: MachineApiOptions;
  readonly #newest = new NewestConnections();
  readonly #refusals = new SourceRates(REFUSAL_BURST, REFUSALS_PER_SECOND);

  constructor(options: MachineApiOptions) {
    this.#options = options;
  }

  /** Answers one request. Never throws. */
  handle(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): void {
    stream.on('error', () => undefined); // a client that is gone needs no answer
    const [path = '/', query = ''] = (headers[':path'] ?? '/').split('?', 2);
    if (path === PING_PATH && headers[':method'] === 'HEAD') {
      const isAsked = this.#options.streams.answerPing(
        new URLSearchParams(query).get('id') ?? '',
        connection.machineKey,
      );
      stream.respond({ ':status': isAsked ? 200 : 404 }, { endStream: true });
      return;
    }
    const ssh = SSH_PATH.exec(path);
    if (ssh !== null && headers[':method'] === 'GET') {
      const session = { source: Number(ssh[1]), target: Number(ssh[2]) };
      void this.#ssh(connection, stream, session, new URLSearchParams(query));
      return;
    }
    const isKnown = path === '/machine/register' || path === '/machine/map';
    if (!isKnown) {
      const isElsewhere = NOT_IMPLEMENTED.test(path);
      refuse(stream, isElsewhere ? 501 : 404, isElsewhere ? 'not implemented' : 'not found');
      return;
    }
    if (headers[':method'] !== 'POST') {
      refuse(stream, 405, 'POST only');
      return;
    }
    readBody(stream, (body) => void this.#answer(connection, stream, path, parseJson(body)));
  }

  async #answer(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    path: string,
    value: unknown,
  ): Promise<void> {
    try {
      if (path === '/machine/register') await this.#register(connection, stream, value);
      else await this.#map(connection, stream, value);
    } catch (error) {
      this.#options.log.error('a request failed', { path, error });
      refuse(stream, 500, 'the control server could not store this; it is in its log');
    }
  }

  async #register(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    value: unknown,
  ): Promise<void> {
    const { log } = this.#options;
    const { machineKey, source } = connection;
    const request = decodeRegisterRequest(value);
    if (isFailure(request)) {
      refuse(stream, 400, request.reason);
      return;
    }
    if (!this.#refusals.take(source, this.#options.clock.now())) {
      tooMany(stream, this.#refusals.retryAfterSeconds);
      return;
    }
    const { response, outcome } = await this.#decide(connection, request);
    if (outcome !== 'refused' && outcome !== 'foreign-key') this.#refusals.giveBack(source);
    const machine = shortKey(machineKey);
    const fields = { outcome, machine, source, reason: response?.Error };
    if (outcome === 'known' || outcome === 'login-needed') log.debug('register', fields);
    else log.info('register', fields);
    if (outcome === 'login-needed') await this.#waitForPerson(connection, stream, request);
    else if (response === undefined) {
      refuse(stream, 401, 'this node key belongs to another machine');
    } else answerJson(stream, response);
  }

  /** What a request leads to is on disk before anybody hears of it. */
  async #decide(connection: MachineConnection, request: RegisterRequest): Promise<RegisterResult> {
    const { store, contextOf } = this.#options;
    const result = await store.change((state) => {
      const decided = register(state, request, contextOf(connection.machineKey));
      return { state: decided.state, result: decided };
    });
    const isMember = !['refused', 'foreign-key', 'login-needed'].includes(result.outcome);
    if (isMember) connection.admitted();
    return result;
  }

  /** Tells the address where a person decides, or, when the machine has it already, what was decided. */
  async #waitForPerson(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    request: RegisterRequest,
  ): Promise<void> {
    const { desk } = this.#options;
    const own = desk.ownOf(connection.machineKey, request);
    const ending = own === undefined ? undefined : await this.#ending(own, connection, stream);
    switch (ending) {
      case 'approved': {
        // Unknown again when it was deleted in the same moment: then it may ask from the start.
        const { response } = await this.#decide(connection, request);
        if (response === undefined) this.#sendToPerson(connection, stream, request);
        else answerJson(stream, response);
        break;
      }
      case 'rejected':
        answerJson(stream, refusedResponse(REJECTED));
        break;
      case 'displaced':
        tooMany(stream, BUSY_RETRY_SECONDS);
        break;
      case 'gone':
        break;
      case 'expired':
      case undefined:
        this.#sendToPerson(connection, stream, request);
    }
  }

  async #ending(
    login: PendingLogin,
    connection: MachineConnection,
    stream: ServerHttp2Stream,
  ): Promise<LoginEnding | 'gone'> {
    if (login.isRejected) return 'rejected';
    return whileOpen(connection, stream, (open) => this.#options.desk.wait(login.id, open));
  }

  /** Whether an SSH session may begin on a node of this machine; held until somebody has decided. */
  async #ssh(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    session: { readonly source: number; readonly target: number },
    query: URLSearchParams,
  ): Promise<void> {
    const { sshDesk } = this.#options;
    if (!sshDesk.isTarget(session.target, connection.machineKey)) {
      refuse(stream, 401, 'only the target of a session may ask about it');
      return;
    }
    connection.admitted();
    const question = {
      ...session,
      localUser: query.get('local_user') ?? '',
      checkId: query.get('auth_id') ?? undefined,
    };
    const action = await whileOpen(connection, stream, (open) => sshDesk.action(question, open));
    if (action !== undefined) answerJson(stream, action);
  }

  #sendToPerson(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    request: RegisterRequest,
  ): void {
    const { desk } = this.#options;
    const login = desk.open(connection.machineKey, request, connection.source);
    if (login === undefined) tooMany(stream, BUSY_RETRY_SECONDS);
    else answerJson(stream, loginNeededResponse(desk.urlOf(login.id)));
  }

  async #map(
    connection: MachineConnection,
    stream: ServerHttp2Stream,
    value: unknown,
  ): Promise<void> {
    const { baseDomain, clock, store, streams, paths, log } = this.#options;
    const request = decodeMapRequest(value);
    if (isFailure(request)) {
      refuse(stream, 400, request.reason);
      return;
    }
    if (request.version < CAP_VERSION_MIN) {
      refuse(
        stream,
        400,
        `this client is too old: needed is version ${CAP_VERSION_MIN}; upgrade it`,
      );
      return;
    }
    const node = findNode(store.state, request.nodeKey);
    if (node === undefined || node.machineKey !== connection.machineKey) {
      const { source } = connection;
      log.info('map of an unknown node refused', { source, key: shortKey(request.nodeKey) });
      if (node === undefined) refuse(stream, 404, 'node not found');
      else refuse(stream, 401, 'this node key belongs to another machine');
      return;
    }
    connection.admitted();
    const isNewest = this.#newest.speaks(node.id, connection.number);
    if (request.stream) {
      // Read-only: what a poll says of its node may be older than the last lite update.
      streams.open(stream, request);
      return;
    }
    // The late words of a process that has a successor are heard and change nothing.
    if (isNewest) {
      if (request.paths !== undefined) paths.report(node.id, request.paths, clock.wall());
      const decide = (state: ControlState): ControlState =>
        applyLiteUpdate(state, node, request, baseDomain);
      // A new process says its disco key once: after a restart of ours peers must not be told the old one.
      if (request.discoKey === undefined || request.discoKey === node.discoKey) store.note(decide);
      else await store.change((state) => ({ state: decide(state), result: undefined }));
    }
    const single = request.omitPeers
      ? new Uint8Array()
      : streams.single(request.nodeKey, request.compression);
    answer(stream, 200, 'application/json', single ?? '');
  }
}

/** Does what may take as long as a person does, or as the stream is open. */
async function whileOpen<Result>(
  connection: MachineConnection,
  stream: ServerHttp2Stream,
  wait: (open: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const open = new AbortController();
  const onClose = (): void => open.abort();
  stream.once('close', onClose);
  const proceed = connection.waiting();
  try {
    return await wait(open.signal);
  } finally {
    proceed();
    stream.off('close', onClose);
  }
}

function answer(
  stream: ServerHttp2Stream,
  status: number,
  contentType: string,
  body: string | Uint8Array,
  headers: OutgoingHttpHeaders = {},
): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': status, 'content-type': contentType, ...headers });
  stream.end(body);
}

function answerJson(
  stream: ServerHttp2Stream,
  response: WireRegisterResponse | WireSshAction,
): void {
  answer(stream, 200, 'application/json', JSON.stringify(response));
}

/** Clients of the last years wait as long as they are told; older ones a little. */
function tooMany(stream: ServerHttp2Stream, retryAfterSeconds: number): void {
  const headers = { 'retry-after': String(retryAfterSeconds) };
  answer(stream, 429, 'text/plain; charset=utf-8', 'too many requests\n', headers);
}

function refuse(stream: ServerHttp2Stream, status: number, text: string): void {
  answer(stream, status, 'text/plain; charset=utf-8', `${text}\n`);
}

/** Calls `whole` with the body once it is complete; a body over its limit is refused. */
function readBody(stream: ServerHttp2Stream, whole: (body: Uint8Array) => void): void {
  const parts: Buffer[] = [];
  let length = 0;
  stream.setTimeout(BODY_TIMEOUT_MS, () => stream.close(constants.NGHTTP2_CANCEL));
  stream.on('data', (part: Buffer) => {
    length += part.length;
    if (length > BODY_BYTES_MAX) {
      parts.length = 0;
      refuse(stream, 413, 'the body is too large');
    } else {
      parts.push(part);
    }
  });
  stream.on('end', () => {
    stream.setTimeout(0);
    if (length <= BODY_BYTES_MAX) whole(Buffer.concat(parts));
  });
}
