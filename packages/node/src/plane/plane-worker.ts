/** The worker thread of the data plane: {@link runPlane} on this machine's TUN device. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@warren/core/base/assert';
import { WarrenError } from '@warren/core/base/errors';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { CIPHER_VARIABLE, chooseCipher, withCipher } from '../crypto/choose-cipher.js';
import { chooseIo } from './choose-io.js';
import type { FromPlane, PlaneWorkerData } from './plane-messages.js';
import { runPlane } from './run-plane.js';

assert(parentPort !== null, 'the data plane runs in a worker');

try {
  const cipher = await chooseCipher(process.env[CIPHER_VARIABLE]);
  await runPlane(parentPort, workerData as PlaneWorkerData, {
    openIo: chooseIo(process.env),
    crypto: withCipher(createNodeCrypto(), cipher),
    cipherName: cipher.name,
  });
} catch (error) {
  if (!(error instanceof WarrenError)) throw error;
  const { code, message, hint } = error;
  parentPort.postMessage({ type: 'failed', code, message, hint } satisfies FromPlane);
  parentPort.close();
}
