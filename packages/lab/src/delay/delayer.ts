/**
 * The copier: carries frames between pairs of devices, each held back for the link's delay.
 *
 * Runs in a namespace of its own that has nothing but these devices; one process serves all links. Argument:
 * a JSON array of {@link CopierLink}. Prints `ready` on stdout when frames flow, then answers each line on
 * stdin with one line of counters ({@link CopierReport}[]).
 *
 * Frames leave up to `slackUs` early, so that a stream costs at most 10,000 wake-ups a second. An idle copier
 * sleeps.
 */
import { setPriority } from 'node:os';
import type { CopierLink } from '../topology/build.js';
import { DelayLine, frameBytes } from './delay-line.js';
import {
  addressOfBytes,
  becomeRealtime,
  EAGAIN,
  monotonicUs,
  openPacketSocket,
  receiveFrame,
  sendFrame,
  TimerFd,
  takeKernelDrops,
  watchReadable,
} from './syscalls.js';

/** What happened to the frames of one direction. */
export interface DirectionReport {
  forwarded: number;
  bytes: number;
  /** The kernel's buffer was full: the copier did not get its turn in time. */
  droppedLate: number;
  /** The line was full: more was under way than the link holds. */
  droppedFull: number;
  /** The kernel refused the frame, on receipt or on sending. */
  droppedRefused: number;
  /** Most frames that ever waited. */
  deepest: number;
}

export interface CopierReport {
  readonly link: string;
  readonly aToB: DirectionReport;
  readonly bToA: DirectionReport;
}

/** How early a frame may leave. Half of what a person reads as jitter in a ping's 0.1 ms digits. */
const slackUs = 100;

/** When the outgoing device's buffer is full, try again after this. */
const retryUs = 200;

/** Frames read from one socket before the others, and the frames that are due, get their turn. */
const batchFrames = 64;

/** Nice value where real-time scheduling is refused. */
const urgentPriority = -18;

class Direction {
  readonly report: DirectionReport = {
    forwarded: 0,
    bytes: 0,
    droppedLate: 0,
    droppedFull: 0,
    droppedRefused: 0,
    deepest: 0,
  };
  readonly source: number;
  private readonly target: number;
  private readonly line: DelayLine;
  private readonly base: number;
  private readonly scratch = new Uint8Array(frameBytes);
  private readonly scratchAddress = addressOfBytes(this.scratch);
  private retryAtUs = 0;

  constructor(source: number, target: number, oneWayMs: number) {
    this.source = source;
    this.target = target;
    this.line = new DelayLine(oneWayMs * 1000);
    this.base = addressOfBytes(this.line.bytes);
  }

  /** When this direction wants to be flushed. */
  get dueUs(): number {
    return Math.max(this.line.dueUs, this.retryAtUs);
  }

  /** Takes in up to a batch; true when there may be more. */
  receive(): boolean {
    const nowUs = monotonicUs();
    for (let taken = 0; taken < batchFrames; taken++) {
      const offset = this.line.reserve();
      const address = offset < 0 ? this.scratchAddress : this.base + offset;
      const length = receiveFrame(this.source, address, frameBytes);
      if (length === -EAGAIN) return false;
      if (length <= 0) {
        this.report.droppedRefused++;
      } else if (offset < 0) {
        this.report.droppedFull++;
      } else {
        this.line.commit(length, nowUs);
      }
    }
    if (this.line.size > this.report.deepest) this.report.deepest = this.line.size;
    return true;
  }

  /** Sends what is due. */
  flush(nowUs: number): void {
    const { line, report } = this;
    if (line.size > report.deepest) report.deepest = line.size;
    this.retryAtUs = 0;
    while (line.dueUs <= nowUs + slackUs) {
      const length = sendFrame(this.target, this.base + line.headOffset, line.headLength);
      if (length === -EAGAIN) {
        this.retryAtUs = nowUs + retryUs;
        return;
      }
      if (length < 0) {
        report.droppedRefused++;
      } else {
        report.forwarded++;
        report.bytes += line.headLength;
      }
      line.pop();
    }
  }
}

function run(links: readonly CopierLink[]): void {
  const timer = new TimerFd();
  const directions: Direction[] = [];
  const reports: CopierReport[] = [];
  let armedUs = Number.POSITIVE_INFINITY;

  const flushAndArm = (): void => {
    const nowUs = monotonicUs();
    let nextUs = Number.POSITIVE_INFINITY;
    for (const direction of directions) {
      if (direction.dueUs <= nowUs + slackUs) direction.flush(nowUs);
      nextUs = Math.min(nextUs, direction.dueUs);
    }
    if (nextUs === armedUs) return;
    armedUs = nextUs;
    timer.set(nextUs === Number.POSITIVE_INFINITY ? 0 : nextUs);
  };

  for (const { name, a, b, oneWayMs } of links) {
    const left = openPacketSocket(a);
    const right = openPacketSocket(b);
    const aToB = new Direction(left, right, oneWayMs);
    const bToA = new Direction(right, left, oneWayMs);
    directions.push(aToB, bToA);
    reports.push({ link: name, aToB: aToB.report, bToA: bToA.report });
  }
  // Handles that nobody holds are collected, and their callbacks stop.
  const handles = directions.map((direction) =>
    watchReadable(direction.source, () => {
      direction.receive();
      flushAndArm();
    }),
  );
  handles.push(
    watchReadable(timer.fd, () => {
      timer.acknowledge();
      armedUs = Number.POSITIVE_INFINITY;
      flushAndArm();
    }),
  );
  process.stdin.setEncoding('utf8').on('data', (lines: string) => {
    for (const { source, report } of directions) report.droppedLate += takeKernelDrops(source);
    for (let asked = lines.split('\n').length - 1; asked > 0; asked--) {
      process.stdout.write(`${JSON.stringify(reports)}\n`);
    }
  });
  process.on('exit', () => {
    for (const handle of handles) handle.stop();
  });
  process.stdout.write('ready\n');
}

/**
 * The copier must not wait behind the programs that it delays: with three busy processes on two cores, a
 * ping of 62 ms has a 99th percentile of 77 ms under a nice value of -18 and of 63 ms in real time.
 */
function becomeUrgent(): void {
  if (becomeRealtime()) return;
  try {
    setPriority(urgentPriority);
  } catch {
    // Without rights the copier is as urgent as everybody else.
  }
}

becomeUrgent();
run(JSON.parse(process.argv[2] ?? '[]') as CopierLink[]);
