/**
 * The ruler of a world, inside it: starts processes on command and tells what becomes of them.
 *
 * Runs as the only child of the world's PID 1 (a shell that reaps orphans). When this process ends, PID 1
 * ends, and with PID 1 the kernel kills everything in the world and forgets its namespaces and mounts.
 * So the end of stdin is the end of the world: however the outside dies, its end of the pipe closes.
 * After `detach` (a kept world) only a SIGKILL to PID 1 ends it.
 *
 * Imports nothing but the protocol's types, to start fast.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import {
  type Command,
  encodeLine,
  LineSplitter,
  type OutputStream,
  type Report,
} from './protocol.js';

const children = new Map<number, ChildProcess>();
/** Streams that the outside asked to pause; the others pause only while our own stdout is full. */
const pausedByReader = new Set<string>();
let detached = false;
let outsideGone = false;
let full = false;

function end(): never {
  process.exit(0);
}

function report(message: Report): void {
  if (outsideGone) return;
  if (!process.stdout.write(encodeLine(message)) && !full) {
    full = true;
    for (const child of children.values()) {
      child.stdout?.pause();
      child.stderr?.pause();
    }
  }
}

function resumeOutputs(): void {
  full = false;
  for (const [id, child] of children) {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (outsideGone || !pausedByReader.has(`${id} ${stream}`)) child[stream]?.resume();
    }
  }
}

function follow(id: number, child: ChildProcess, stream: OutputStream): void {
  const source = child[stream];
  if (source === null) return;
  source.on('data', (data: Buffer) => {
    report({ is: 'output', id, stream, data: data.toString('base64') });
  });
  source.on('error', () => undefined);
  source.on('close', () => {
    pausedByReader.delete(`${id} ${stream}`);
    report({ is: 'end', id, stream });
  });
}

function start(command: Extract<Command, { do: 'spawn' }>): void {
  const { id, argv } = command;
  const [program, ...args] = argv;
  const opened: number[] = [];
  const target = (sink: typeof command.stdout): 'pipe' | 'ignore' | number => {
    if (typeof sink === 'string') return sink;
    const fd = openSync(sink.file, 'a');
    opened.push(fd);
    return fd;
  };
  try {
    // Its own process group, so that a signal reaches the whole tree that it started.
    const child = spawn(program ?? '', args, {
      env: command.env,
      detached: true,
      stdio: [command.stdin, target(command.stdout), target(command.stderr)],
    });
    children.set(id, child);
    child.stdin?.on('error', () => undefined); // the process closed its stdin: not our business
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      children.delete(id);
      report({ is: 'failed', id, message: error.message });
    });
    child.on('exit', (code, signal) => report({ is: 'exit', id, code, signal }));
    child.on('close', () => children.delete(id));
    if (child.pid === undefined) return;
    report({ is: 'started', id, pid: child.pid });
    follow(id, child, 'stdout');
    follow(id, child, 'stderr');
  } catch (error) {
    report({ is: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Signals the process group; the process alone when the group is gone already. */
function signal(pid: number, name: string): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, name);
      return;
    } catch {
      // It has exited in the meantime.
    }
  }
}

function obey(command: Command): void {
  if (command.do === 'spawn') {
    start(command);
    return;
  }
  if (command.do === 'detach') {
    detached = true;
    report({ is: 'detached' });
    return;
  }
  const child = children.get(command.id);
  if (child === undefined) return; // it ended while the command was on its way
  switch (command.do) {
    case 'input':
      child.stdin?.write(Buffer.from(command.data, 'base64'));
      return;
    case 'end-input':
      child.stdin?.end();
      return;
    case 'signal':
      if (child.pid !== undefined) signal(child.pid, command.signal);
      return;
    case 'pause':
      pausedByReader.add(`${command.id} ${command.stream}`);
      child[command.stream]?.pause();
      return;
    case 'resume':
      pausedByReader.delete(`${command.id} ${command.stream}`);
      if (!full) child[command.stream]?.resume();
      return;
  }
}

function outsideLeft(): void {
  if (!detached) end();
  if (outsideGone) return;
  outsideGone = true;
  resumeOutputs(); // nobody reads any more: drain, so that no daemon blocks on its log
}

const lines = new LineSplitter();
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  for (const line of lines.push(chunk)) obey(JSON.parse(line) as Command);
});
process.stdin.on('end', outsideLeft);
process.stdin.on('close', outsideLeft);
process.stdin.on('error', outsideLeft);
process.stdout.on('drain', resumeOutputs);
process.stdout.on('error', outsideLeft);
// A detached world has no handle left that keeps the event loop alive when nothing runs in it.
setInterval(() => undefined, 0x7fffffff);
report({ is: 'ready' });
