/** The Internet checksum by WebAssembly's vectors over an arena (checksum.wat), where the engine has them. */
import { type InternetChecksum, PlainChecksum } from '@warren/core/offload/checksum';
import type { Arena } from '../plane/arena.js';
import { webAssembly } from '../plane/web-assembly.js';
import { WASM_BASE64 } from './checksum-wasm.js';

/** Undefined: this engine doesn't do 128-bit vectors. */
export function createWasmChecksum(arena: Arena): InternetChecksum | undefined {
  const bytes = Buffer.from(WASM_BASE64, 'base64');
  if (!webAssembly.validate(bytes)) return undefined;
  const module = new webAssembly.Module(bytes);
  const instance = new webAssembly.Instance(module, { arena: { memory: arena.memory } });
  return instance.exports as unknown as InternetChecksum;
}

/** The fastest that works here. */
export function createChecksum(arena: Arena): InternetChecksum {
  return createWasmChecksum(arena) ?? new PlainChecksum(arena.bytes);
}
