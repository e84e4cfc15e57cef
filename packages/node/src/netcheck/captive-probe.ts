/**
 * Asks a relay over plain HTTP for what a captive portal can't know: the echo of a challenge.
 *
 *     GET http://ADDRESS/generate_204?t=SECONDS       ->  204, X-Tailscale-Response: response ts_HOST
 *     X-Tailscale-Challenge: ts_HOST
 *
 * Any other answer is a portal's. No answer is nothing.
 */
import { request } from 'node:http';
import type { IpAddress } from '@warren/core/ip/address';
import type { CaptiveResult } from '@warren/core/netcheck/http-probes';

/** As official clients wait. */
const CAPTIVE_MS = 3_000;
const HTTP_PORT = 80;

export interface CaptiveQuestion {
  readonly address: IpAddress;
  readonly host: string;
  /** Other than 80 in tests only. */
  readonly port?: number;
}

/** Never rejects. Redirects are not followed: they are the portal's own voice. */
export function probeCaptive(
  question: CaptiveQuestion,
  signal: AbortSignal,
): Promise<CaptiveResult> {
  const challenge = `ts_${question.host}`;
  return new Promise((resolve) => {
    const timer = AbortSignal.timeout(CAPTIVE_MS);
    const asked = request({
      host: question.address,
      port: question.port ?? HTTP_PORT,
      path: `/generate_204?t=${Math.floor(Date.now() / 1000)}`,
      headers: {
        Host: question.host,
        'X-Tailscale-Challenge': challenge,
        'Cache-Control': 'no-cache, no-store, must-revalidate, no-transform, max-age=0',
        Connection: 'close',
      },
      agent: false,
      signal: AbortSignal.any([signal, timer]),
    });
    asked.once('response', (response) => {
      response.resume();
      response.on('error', () => undefined);
      const echo = response.headers['x-tailscale-response'];
      const isRelay = response.statusCode === 204 && echo === `response ${challenge}`;
      resolve(isRelay ? 'clear' : 'captive');
      asked.destroy();
    });
    asked.on('error', () => resolve('failed'));
    asked.end();
  });
}
