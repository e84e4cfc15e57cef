/**
 * What sender and receiver of `transfer-agent.ts` say to each other, one connection each:
 *
 *     > one byte 'p'                      < the same byte            any number of times: the round trip
 *     > 'd', length u64 big-endian, data  < SHA-256 of the data, 32 bytes; both close
 */

export const pingByte = 0x70;
export const dataByte = 0x64;
/** The data byte and the length. */
export const headerBytes = 9;
export const hashBytes = 32;

/** A path that is silent for this long is dead. */
export const silenceMs = 60_000;
