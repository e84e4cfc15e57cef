/**
 * Opens a Linux TUN device: whole IP packets, no packet information header.
 *
 * The device belongs to the network namespace of the process at open. It disappears when the last
 * descriptor closes, so a killed daemon leaves none behind.
 *
 * With offload every read and write begins with a virtio header (core/offload/virtio-header.ts): the kernel then
 * hands over up to 64 KB of a TCP connection at once, with checksums left to us, and takes such back.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { viewOf } from '@warren/core/base/bytes';
import { NodeError } from '../errors.js';
import { EBUSY, EINVAL, ENOTTY, EPERM } from '../libc/errno.js';
import type { Libc } from '../libc/libc.js';

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Checksums, TCP segmentation of both families; UDP's came with Linux 6.2. */
const TUN_F_TCP = 0x01 | 0x02 | 0x04;
const TUN_F_UDP = 0x20 | 0x40;
/** struct ifreq: name[16], then the flags. */
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;

/** What the kernel leaves to us, and takes from us, in super-packets: always TCP. */
export interface TunOffload {
  readonly udp: boolean;
}

export interface TunDevice {
  readonly fd: number;
  /** Undefined: no virtio headers at all. */
  readonly offload: TunOffload | undefined;
}

/**
 * Creates the device; throws a {@link NodeError} that tells missing rights from a missing driver. A kernel that
 * does not know virtio headers gives a device without.
 */
export function openTunDevice(libc: Libc, name: string, wantsOffload: boolean): TunDevice {
  if (wantsOffload) {
    const fd = openDriver();
    const errno = attach(libc, fd, name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
    if (errno === 0 && libc.ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP | TUN_F_UDP) === 0) {
      return { fd, offload: { udp: true } };
    }
    if (errno === 0 && libc.ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP) === 0) {
      return { fd, offload: { udp: false } };
    }
    closeSync(fd);
    if (errno !== 0 && errno !== EINVAL) throw attachError(name, errno);
  }
  const fd = openDriver();
  const errno = attach(libc, fd, name, IFF_TUN | IFF_NO_PI);
  if (errno === 0) return { fd, offload: undefined };
  closeSync(fd);
  throw attachError(name, errno);
}

function openDriver(): number {
  try {
    return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    throw openError(cause);
  }
}

/** Answers 0, or the number of the error. */
function attach(libc: Libc, fd: number, name: string, flags: number): number {
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1));
  viewOf(request).setUint16(NAME_BYTES, flags, true);
  return libc.ioctl(fd, TUNSETIFF, libc.addressOf(request)) < 0 ? libc.errno() : 0;
}

/** The device is no more. */
export function tunGone(name: string): NodeError {
  return new NodeError(
    'TUN_GONE',
    `the network device ${name} was deleted while it was in use`,
    'start the daemon again; find out which program removes network devices',
  );
}

const GET_DEVICE =
  'load the driver with `modprobe tun`; in a container pass --device /dev/net/tun --cap-add NET_ADMIN';

function openError(cause: unknown): NodeError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code === 'EACCES' || code === 'EPERM') {
    return new NodeError(
      'TUN_RIGHTS',
      'no right to open /dev/net/tun',
      'run the daemon as root (sudo), or give the process CAP_NET_ADMIN and access to /dev/net/tun',
      { cause },
    );
  }
  return new NodeError(
    'TUN_MISSING',
    `this system has no usable /dev/net/tun (${code})`,
    GET_DEVICE,
    { cause },
  );
}

function attachError(name: string, errno: number): NodeError {
  if (errno === EPERM) {
    return new NodeError(
      'TUN_RIGHTS',
      `no right to create the network device ${name}`,
      'run the daemon as root (sudo), or give the process CAP_NET_ADMIN',
    );
  }
  if (errno === EBUSY) {
    return new NodeError(
      'TUN_BUSY',
      `the network device ${name} is in use by another process`,
      'stop the other daemon, or choose another name with --tun',
    );
  }
  if (errno === ENOTTY) {
    return new NodeError('TUN_MISSING', 'the /dev/net/tun here is not a TUN device', GET_DEVICE);
  }
  return new NodeError(
    'TUN_MISSING',
    `the kernel refused to create the network device ${name} (errno ${errno})`,
    'device names have at most 15 characters and no slash; check the name given by --tun',
  );
}
