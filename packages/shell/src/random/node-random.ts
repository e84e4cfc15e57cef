/**
 * The {@link Random} port on node:crypto. Small requests are served from a pool, because one system call
 * per disco nonce or handshake key costs more than the bytes.
 */
import { randomFillSync } from 'node:crypto';
import type { Random } from '@warren/core/ports';

/** A pool serves hundreds of nonces; larger ones only cost cache. */
const POOL_BYTES = 8192;
/** Requests above this are filled directly: they would empty the pool anyway. */
const POOLED_MAX_BYTES = 512;

/** Unpredictable bytes. Bytes that were handed out are wiped from the pool. */
export function createNodeRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    fill(target) {
      if (target.length > POOLED_MAX_BYTES) return randomFillSync(target);
      if (used + target.length > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      target.set(pool.subarray(used, used + target.length));
      pool.fill(0, used, used + target.length);
      used += target.length;
      return target;
    },
  };
}
