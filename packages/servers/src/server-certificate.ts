/**
 * The certificate of a hub or relay: the operator's files, which are read again when they change, or one that is made, lies
 * in the state directory and is pinned by clients.
 */
import type { Server } from 'node:https';
import type { Logger } from '@warren/shell/log';
import {
  type CertificateFiles,
  readCertificateFiles,
  type SignedIdentity,
} from '@warren/shell/tls/certificate-files';
import {
  loadOrMakeSelfSigned,
  type ReissueReason,
  type ServerIdentity,
} from '@warren/shell/tls/self-signed';
import { setIdentity } from './https-front.js';
import type { ServerOptions } from './server-options.js';
import { WatchedFile } from './watched-file.js';

const DAY_MS = 24 * 3_600_000;
/** Authorities' certificates are replaced a month before their end; two weeks before it nobody does it. */
const WARN_BEFORE_MS = 14 * DAY_MS;

export interface ServerCertificate {
  readonly identity: ServerIdentity;
  /** Why the pinned one was made anew, which strands clients that pinned the old one. */
  readonly reissued: ReissueReason | undefined;
  /** The server goes by what the files hold, from now on. */
  follow(server: Server): void;
  close(): void;
}

type CertificateOptions = Pick<
  ServerOptions,
  'certificateFiles' | 'clock' | 'hostName' | 'log' | 'stateDir'
>;

/** Throws FileError or CertificateError. */
export function serverCertificate(options: CertificateOptions): ServerCertificate {
  const { certificateFiles, stateDir, hostName, clock } = options;
  if (certificateFiles !== undefined) return followed(certificateFiles, options);
  const { reissued, ...identity } = loadOrMakeSelfSigned(stateDir, [hostName], clock.wall());
  return { identity, reissued, follow: () => undefined, close: () => undefined };
}

function followed(
  files: CertificateFiles,
  { hostName, clock, log }: CertificateOptions,
): ServerCertificate {
  const watched = new WatchedFile<SignedIdentity>({
    path: files.certificate,
    besides: [files.privateKey],
    what: 'the certificate and its key',
    parse: () => readCertificateFiles(files, hostName),
    log,
  });
  warnOfEnd(watched.value, clock.wall(), log);
  return {
    identity: watched.value,
    reissued: undefined,
    follow: (server) =>
      watched.watch((identity) => {
        warnOfEnd(identity, clock.wall(), log);
        setIdentity(server, identity);
      }),
    close: () => watched.close(),
  };
}

function warnOfEnd({ validTo }: SignedIdentity, now: number, log: Logger): void {
  const leftMs = validTo.getTime() - now;
  if (leftMs > WARN_BEFORE_MS) return;
  log.warn(leftMs > 0 ? 'the certificate ends soon' : 'the certificate has ended', {
    validTo: validTo.toISOString(),
  });
}
