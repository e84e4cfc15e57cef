/**
 * The copier: carries frames between pairs of devices, each held back for the link's delay.
 *
 * Runs in a namespace of its own that has nothing but these devices; one process serves all links. Argument:
 * a JSON array of {@link CopierLink}. Prints `ready` on stdout when frames flow, then answers each line on
 * stdin with one line of counters ({@link CopierReport}[]); a line that is a JSON {@link LinkDisturbance}
 * makes that link lose frames, or let some be overtaken, from then on.
 *
 * Frames leave up to `slackUs` early, so that a stream costs at most 10,000 wake-ups a second. An idle copier
 * sleeps.
 */
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { CopierLink } from '../topology/build.js';
import { DelayLine, frameBytes } from './delay-line.js';
import { Fates, type LinkDisturbance } from './disturbance.js';
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
  /** Frames that a disturbance took, or let be overtaken. */
  lost: number;
  late: number;
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

/** Frames under way, and where their memory is. */
interface Line {
  readonly queue: DelayLine;
  readonly base: number;
}

function openLine(oneWayMs: number): Line {
  const queue = new DelayLine(oneWayMs * 1000);
  return { queue, base: addressOfBytes(queue.bytes) };
}

class Direction {
  readonly report: DirectionReport = {
    forwarded: 0,
    bytes: 0,
    droppedLate: 0,
    droppedFull: 0,
    droppedRefused: 0,
    lost: 0,
    late: 0,
    deepest: 0,
  };
  readonly source: number;
  private readonly target: number;
  private readonly oneWayMs: number;
  private readonly line: Line;
  /** Of the frames that are overtaken. */
  private lateLine: Line | undefined;
  private fates: Fates | undefined;
  private readonly scratch = new Uint8Array(frameBytes);
  private readonly scratchAddress = addressOfBytes(this.scratch);
  private retryAtUs = 0;

  constructor(source: number, target: number, oneWayMs: number) {
    this.source = source;
    this.target = target;
    this.oneWayMs = oneWayMs;
    this.line = openLine(oneWayMs);
  }

  /** When this direction wants to be flushed. */
  get dueUs(): number {
    return Math.max(this.firstDue().queue.dueUs, this.retryAtUs);
  }

  /** Frames that came before keep what they were promised, but for those that were late already. */
  disturb(disturbance: LinkDisturbance, seed: number): void {
    this.fates = new Fates(disturbance, seed);
    this.lateLine = openLine(this.oneWayMs + disturbance.lateMs);
  }

  /** Takes in up to a batch; true when there may be more. */
  receive(): boolean {
    const nowUs = monotonicUs();
    for (let taken = 0; taken < batchFrames; taken++) {
      const fate = this.fates?.next() ?? 'on-time';
      const line = fate === 'late' && this.lateLine !== undefined ? this.lateLine : this.line;
      const offset = line.queue.reserve();
      const address = offset < 0 ? this.scratchAddress : line.base + offset;
      const length = receiveFrame(this.source, address, frameBytes);
      if (length === -EAGAIN) return false;
      if (length <= 0) {
        this.report.droppedRefused++;
      } else if (fate === 'lost') {
        this.report.lost++;
      } else if (offset < 0) {
        this.report.droppedFull++;
      } else {
        line.queue.commit(length, nowUs);
        if (fate === 'late') this.report.late++;
      }
    }
    this.noteDepth();
    return true;
  }

  /** Sends what is due. */
  flush(nowUs: number): void {
    const { report } = this;
    this.noteDepth();
    this.retryAtUs = 0;
    for (;;) {
      const { queue, base } = this.firstDue();
      if (queue.dueUs > nowUs + slackUs) return;
      const length = sendFrame(this.target, base + queue.headOffset, queue.headLength);
      if (length === -EAGAIN) {
        this.retryAtUs = nowUs + retryUs;
        return;
      }
      if (length < 0) {
        report.droppedRefused++;
      } else {
        report.forwarded++;
        report.bytes += queue.headLength;
      }
      queue.pop();
    }
  }

  /** The line whose first frame is due first. */
  private firstDue(): Line {
    const { line, lateLine } = this;
    return lateLine !== undefined && lateLine.queue.dueUs < line.queue.dueUs ? lateLine : line;
  }

  private noteDepth(): void {
    const depth = this.line.queue.size + (this.lateLine?.queue.size ?? 0);
    if (depth > this.report.deepest) this.report.deepest = depth;
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
  const disturb = (disturbance: LinkDisturbance): void => {
    const index = reports.findIndex(({ link }) => link === disturbance.link);
    directions[2 * index]?.disturb(disturbance, disturbance.seed);
    directions[2 * index + 1]?.disturb(disturbance, disturbance.seed + 1);
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.startsWith('{')) disturb(JSON.parse(line) as LinkDisturbance);
    for (const { source, report } of directions) report.droppedLate += takeKernelDrops(source);
    process.stdout.write(`${JSON.stringify(reports)}\n`);
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
