/**
 * The system calls of the copier, by FFI: AF_PACKET sockets and a timerfd. Linux, little-endian.
 *
 * Sources: packet(7), linux/if_packet.h, timerfd_create(2). Memory is passed by address; the caller keeps it
 * alive.
 */
import koffi from 'koffi';

const afPacket = 17;
const sockRaw = 3;
const sockNonblock = 0o4000;
const sockCloexec = 0o2000000;
const solSocket = 1;
const solPacket = 263;
const soSndbuf = 7;
const soRcvbuf = 8;
const soSndbufForce = 32;
const soRcvbufForce = 33;
const packetStatistics = 6;
const packetVnetHdr = 15;
const packetQdiscBypass = 20;
const packetIgnoreOutgoing = 23;
/** ETH_P_ALL in network byte order, as it lies in a sockaddr_ll. */
const everyProtocolBytes = [0, 3] as const;
const sockaddrLlBytes = 20;
const msgDontwait = 0x40;
const schedRoundRobin = 2;
const clockMonotonic = 1;
const tfdNonblock = 0o4000;
const tfdCloexec = 0o2000000;
const tfdTimerAbstime = 1;

export const EAGAIN = 11;

/**
 * A frame waits in the kernel only until the next wake-up. 2 MB in small frames cost about three times
 * their size in kernel memory.
 */
const socketBufferBytes = 16 * 1024 * 1024;

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
);
const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
const bind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const ifNametoindex = libc.func('unsigned int if_nametoindex(const char *name)');
const recv = libc.func('long recv(int fd, uintptr_t buffer, unsigned long length, int flags)');
const send = libc.func('long send(int fd, uintptr_t buffer, unsigned long length, int flags)');
const read = libc.func('long read(int fd, void *buffer, unsigned long length)');
const schedSetscheduler = libc.func(
  'int sched_setscheduler(int pid, int policy, const void *parameters)',
);
const timerfdCreate = libc.func('int timerfd_create(int clock, int flags)');
const timerfdSettime = libc.func(
  'int timerfd_settime(int fd, int flags, const void *value, void *old)',
);

function check(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed with errno ${koffi.errno()}`);
  return result;
}

function setOption(fd: number, level: number, name: number, value: number): boolean {
  return setsockopt(fd, level, name, Int32Array.of(value), 4) === 0;
}

/** Address of the first byte; valid while the array lives (its memory must not be resizable). */
export function addressOfBytes(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/**
 * A socket that takes all that arrives on a device, and sends on it. Frames begin with a virtio_net_hdr of
 * 10 bytes in both directions, so checksum and segmentation offload cross unharmed.
 */
export function openPacketSocket(device: string): number {
  const index = check(ifNametoindex(device) as number, `if_nametoindex ${device}`);
  if (index === 0) throw new Error(`there is no device ${device}`);
  // Protocol 0 receives nothing yet: the options must stand before the first frame.
  const fd = check(
    socket(afPacket, sockRaw | sockNonblock | sockCloexec, 0) as number,
    'socket(AF_PACKET)',
  );
  for (const name of [packetVnetHdr, packetIgnoreOutgoing]) {
    if (!setOption(fd, solPacket, name, 1)) {
      throw new Error(`packet socket option ${name} failed with errno ${koffi.errno()}`);
    }
  }
  setOption(fd, solPacket, packetQdiscBypass, 1);
  // Without rights on the whole machine (a user namespace) only the plain, capped sizes are allowed.
  if (!setOption(fd, solSocket, soRcvbufForce, socketBufferBytes)) {
    setOption(fd, solSocket, soRcvbuf, socketBufferBytes);
  }
  if (!setOption(fd, solSocket, soSndbufForce, socketBufferBytes)) {
    setOption(fd, solSocket, soSndbuf, socketBufferBytes);
  }
  const address = new DataView(new ArrayBuffer(sockaddrLlBytes));
  address.setUint16(0, afPacket, true);
  address.setUint8(2, everyProtocolBytes[0]);
  address.setUint8(3, everyProtocolBytes[1]);
  address.setInt32(4, index, true);
  check(bind(fd, address.buffer, sockaddrLlBytes) as number, `bind to ${device}`);
  return fd;
}

/** Receives one frame; its length, or minus the errno. */
export function receiveFrame(fd: number, address: number, lengthBytes: number): number {
  const length = recv(fd, address, lengthBytes, msgDontwait) as number;
  return length < 0 ? -koffi.errno() : length;
}

/** Sends one frame; its length, or minus the errno. */
export function sendFrame(fd: number, address: number, lengthBytes: number): number {
  const length = send(fd, address, lengthBytes, msgDontwait) as number;
  return length < 0 ? -koffi.errno() : length;
}

/** Lets this thread run before every ordinary one, from now on; false when we have no right to that. */
export function becomeRealtime(): boolean {
  const lowestPriority = Int32Array.of(1);
  return schedSetscheduler(0, schedRoundRobin, lowestPriority) === 0;
}

/** Frames that the kernel dropped since the last call, because we did not read fast enough. */
export function takeKernelDrops(fd: number): number {
  const statistics = new Uint32Array(2); // struct tpacket_stats: packets, drops
  const length = Uint32Array.of(statistics.byteLength);
  check(getsockopt(fd, solPacket, packetStatistics, statistics, length) as number, 'getsockopt');
  return statistics[1] ?? 0;
}

/** A watched descriptor. */
export type Watch = ReturnType<typeof koffi.node.poll>;

/** Calls back whenever the descriptor can be read. The handle must be kept. */
export function watchReadable(fd: number, callback: () => void): Watch {
  return koffi.node.poll(fd, { readable: true }, callback);
}

/** An alarm clock as a descriptor: exact to some ten microseconds, where setTimeout has a millisecond. */
export class TimerFd {
  readonly fd: number;
  private readonly spec = new BigInt64Array(4);
  private readonly expirations = new BigUint64Array(1);

  constructor() {
    this.fd = check(
      timerfdCreate(clockMonotonic, tfdNonblock | tfdCloexec) as number,
      'timerfd_create',
    );
  }

  /** Rings once at a time of the monotonic clock, at once when that is past; 0 disarms. */
  set(atUs: number): void {
    const whole = Math.floor(atUs / 1e6);
    this.spec[2] = BigInt(whole);
    this.spec[3] = BigInt(Math.floor((atUs - whole * 1e6) * 1000));
    check(timerfdSettime(this.fd, tfdTimerAbstime, this.spec, null) as number, 'timerfd_settime');
  }

  /** To be called when it rang. */
  acknowledge(): void {
    read(this.fd, this.expirations, 8);
  }
}

/** Now, on the clock of {@link TimerFd}, in microseconds. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}
