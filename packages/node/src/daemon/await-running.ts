/** What `up` waits for: the session runs, control says no, or nothing can be reached. */
import { prefixAddress } from '@warren/core/ip/prefix';
import type { NetmapNode } from '@warren/core/netmap/types';
import { NodeError } from '../errors.js';
import type { UpEvent } from '../local-api/protocol.js';
import { fullName } from './find-peer.js';
import type { SessionEvent } from './session.js';

export interface RunningWait {
  /**
   * True once the server is known to be the right one: then trouble with it passes, as a reboot of the hub
   * does. The first contact of a first join ends with the trouble at once.
   */
  readonly isPatient: () => boolean;
  readonly emit: (event: UpEvent) => void;
  /** Resolves the wait without a result: the person went away. */
  readonly signal: AbortSignal;
  /** Hears the session's events until the function it answers is called. */
  readonly subscribe: (listener: (event: SessionEvent) => void) => () => void;
}

/** Resolves once the session runs; rejects with what is in the way. */
export function awaitRunning(wait: RunningWait): Promise<void> {
  const { emit, signal, isPatient } = wait;
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = (): void => finish();
    const unsubscribe = wait.subscribe((event) => {
      switch (event.type) {
        case 'state':
          emit({ event: 'state', state: event.state });
          if (event.state === 'Running') finish();
          break;
        case 'auth-url':
          emit({ event: 'auth-url', url: event.url, fingerprint: event.fingerprint });
          break;
        case 'refused':
          if (event.fatal) finish(refused(event.message));
          else emit({ event: 'progress', message: `the control server says: ${event.message}` });
          break;
        case 'trouble':
          if (isPatient()) {
            emit({ event: 'progress', message: `${event.error.message}; trying again` });
          } else {
            finish(event.error);
          }
          break;
        case 'failed':
        case 'ended':
          finish(event.error);
          break;
      }
    });
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

function refused(message: string): NodeError {
  return new NodeError(
    'LOGIN_REFUSED',
    `the control server refused this node: ${message}`,
    'make a new key on the hub with `warren control keys create` and join with it',
  );
}

/** The node can be talked to. */
export function runningEvent(self: NetmapNode): UpEvent {
  return { event: 'running', name: fullName(self), addresses: self.addresses.map(prefixAddress) };
}
