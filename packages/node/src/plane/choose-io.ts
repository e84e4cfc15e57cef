/** Which way packets go through this machine. */
import { openOffloadIo } from './offload-io.js';
import type { OpenIo } from './plane-io.js';
import { openPlainIo, openPortableIo } from './portable-io.js';

/**
 * System calls with offload, as far as the kernel has it. `WARREN_DATA_PLANE` asks for less, for comparison and where
 * something misbehaves: `portable` for Node's own sockets, `plain` for TUN without the kernel's help besides.
 */
export function chooseIo(environment: Readonly<Record<string, string | undefined>>): OpenIo {
  switch (environment['WARREN_DATA_PLANE']) {
    case 'portable':
      return openPortableIo;
    case 'plain':
      return openPlainIo;
    default:
      return openOffloadIo;
  }
}
