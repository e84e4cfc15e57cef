/** Of socket(2) and socket(7), as x86-64 and ARM64 have them (asm-generic/socket.h, bits/socket_type.h). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
/** Of an option that is an int. */
export const INT_BYTES = 4;
