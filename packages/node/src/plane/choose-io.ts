/** Which way packets go through this machine. */
import { openOffloadIo } from './offload-io.js';
import type { OpenIo } from './plane-io.js';
import { openPortableIo } from './portable-io.js';

/**
 * System calls with offload, as far as the kernel has it. `WARREN_DATA_PLANE=portable` asks for the way that needs
 * none of that, for comparison and where the other one misbehaves.
 */
export function chooseIo(environment: Readonly<Record<string, string | undefined>>): OpenIo {
  return environment['WARREN_DATA_PLANE'] === 'portable' ? openPortableIo : openOffloadIo;
}
