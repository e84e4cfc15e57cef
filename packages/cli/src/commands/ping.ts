/** `warren ping PEER`: which path a peer is reached by, ping after ping, until it is direct. */
import type { PingLine } from '@warren/node/local-api/protocol';
import { type Command, Option } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_DONE } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { parseInterval, parsePingCount, parseTimeout, socketPathOf } from '../options.js';
import { renderPingLine } from '../render/ping-line.js';
import type { Terminal } from '../terminal.js';

interface PingOptions {
  readonly c: number;
  readonly untilDirect: boolean;
  readonly timeout: number;
  readonly interval: number;
  readonly json: boolean;
}

/** Reached, but only through a relay. */
const EXIT_RELAYED = 1;
const EXIT_NO_ANSWER = 2;
/** As Tailscale's: enough for a hole to be punched. */
const DEFAULT_COUNT = 10;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_INTERVAL_MS = 1_000;

export interface PingTally {
  direct: number;
  relayed: number;
}

/** The exit code of a whole run, and what to say about it besides the lines. */
export function pingOutcome(tally: PingTally): { exitCode: number; note: string | undefined } {
  if (tally.direct > 0) return { exitCode: EXIT_DONE, note: undefined };
  return tally.relayed > 0
    ? { exitCode: EXIT_RELAYED, note: 'direct connection not established' }
    : { exitCode: EXIT_NO_ANSWER, note: 'no reply' };
}

function show(line: PingLine, json: boolean, terminal: Terminal): void {
  if (json) terminal.printJsonLine(line);
  else {
    const style = { direct: 'green', relay: 'yellow', none: 'red' } as const;
    terminal.print(terminal.paint(style[line.path], renderPingLine(line)));
  }
}

async function runPing(
  peer: string,
  options: PingOptions,
  client: LocalClient,
  context: CliContext,
): Promise<void> {
  const tally: PingTally = { direct: 0, relayed: 0 };
  const lines = client.ping({
    peer,
    count: options.c,
    untilDirect: options.untilDirect,
    timeoutMs: options.timeout,
    intervalMs: options.interval,
  });
  for await (const line of lines) {
    if (line.path === 'direct') tally.direct++;
    if (line.path === 'relay') tally.relayed++;
    show(line, options.json, context.terminal);
  }
  const { exitCode, note } = pingOutcome(tally);
  context.exitCode = exitCode;
  if (note !== undefined && !options.json) context.terminal.note(note);
}

export function definePing(command: Command, context: CliContext): void {
  command
    .argument('<peer>', 'name, first label of a name, or overlay address')
    .addOption(
      new Option('-c <count>', 'stop after so many pings; 0: never')
        .argParser(parsePingCount)
        .default(DEFAULT_COUNT),
    )
    .option('--until-direct', 'stop at the first direct answer (the default)', true)
    .option('--no-until-direct', 'go on after a direct answer (also --until-direct=false)')
    .addOption(
      new Option('--timeout <duration>', 'how long one ping waits for its answer')
        .argParser(parseTimeout)
        .default(DEFAULT_TIMEOUT_MS, '5s'),
    )
    .addOption(
      new Option('--interval <duration>', 'from one ping to the next')
        .argParser(parseInterval)
        .default(DEFAULT_INTERVAL_MS, '1s'),
    )
    .option('--json', 'a line of JSON per ping', false)
    .action(async (peer: string, options: PingOptions) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      await runPing(peer, options, client, context);
    });
  describe(
    command,
    [
      ['warren ping printer', 'until the path is direct, at most 10 times'],
      ['warren ping -c 3 100.64.0.7', 'by address; needs no DNS'],
      ['warren ping --no-until-direct -c 60 printer', 'watch the path for a minute'],
      ['warren ping --json printer', '{"seq":1,"peer":"printer","path":"direct",...}'],
    ],
    [
      [0, 'direct'],
      [1, 'answered, but only through a relay'],
      [2, 'no answer'],
      [3, 'no such peer, or this node is not running'],
    ],
  );
}
