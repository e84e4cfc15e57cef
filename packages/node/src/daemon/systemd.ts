/**
 * systemd's readiness protocol (`Type=notify`). Node has no datagram sockets on unix paths, so systemd's own
 * helper speaks for us; without NOTIFY_SOCKET, or without the helper, nothing happens.
 */
import { execFile } from 'node:child_process';

const NOTIFY_TIMEOUT_MS = 2_000;

export const notifyReady = (): Promise<void> => notify('--ready');
export const notifyStopping = (): Promise<void> => notify('--stopping');

function notify(state: string): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    execFile(
      'systemd-notify',
      [state, `--pid=${process.pid}`],
      { timeout: NOTIFY_TIMEOUT_MS },
      () => resolve(),
    );
  });
}
