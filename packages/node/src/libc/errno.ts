/** Error numbers that the node tells apart: values of Linux on every architecture Node runs on. */
import { getSystemErrorName } from 'node:util';

export const EPERM = 1;
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENOTTY = 25;
export const EMSGSIZE = 90;
export const ECONNREFUSED = 111;
export const EINPROGRESS = 115;

/** The name that Node gives to errors of its own, such as EADDRINUSE. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}
