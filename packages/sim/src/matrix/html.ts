/**
 * The matrix as one page: a grid of all profiles, what fell short, and what each profile is. It loads nothing
 * from anywhere, has a sign beside every colour, and its headers are headers to a screen reader too.
 */
import type { MatrixMachine, MatrixPair, MatrixReport } from './report.js';

/** How a cell reads: its sign, its style, and the legend's sentence. */
interface Mark {
  readonly sign: string;
  readonly style: string;
  readonly meaning: string;
}

const MARKS = {
  good: { sign: '✓', style: 'good', meaning: 'direct, as it has to be' },
  luck: { sign: '★', style: 'luck', meaning: 'direct, where it takes luck' },
  waits: { sign: '~', style: 'waits', meaning: 'relayed, where it takes luck to be direct' },
  barred: { sign: '–', style: 'barred', meaning: 'relayed, and nothing else is possible' },
  wrong: { sign: '✗', style: 'wrong', meaning: 'not what it has to be' },
} as const satisfies Record<string, Mark>;

const KINDS = [
  ['a', 'one side is reached by anybody'],
  ['b', 'both map independently of the destination'],
  ['d', 'the ports of both can be told beforehand'],
  ['e', 'the ports to try fit the budget of probes'],
  ['c', 'many sockets against guesses: of one that maps independently, or in small ranges of both'],
  ['f', 'both depend on the destination, and a loose filter lets guesses in'],
  ['no letter', 'no path is possible'],
] as const;

export function matrixPage(report: MatrixReport): string {
  const { world, commit, date, pairs } = report;
  const title = `NAT matrix, ${world === 'lab' ? 'real NATs of the lab' : 'the simulator'}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${summaryOf(report)} Commit <code>${escapeText(commit ?? 'unknown')}</code>, <time datetime="${escapeText(date)}">${escapeText(dateForPeople(date))}</time>.</p>
<p>Each cell: the method; then a sign, the milliseconds from the first packet until data goes straight (of a relayed pair: those of a round trip), and the oracle's kind. A pair stands in both of its cells.</p>
${legend(pairs)}
<div class="scroll" role="region" aria-label="The grid of all pairs" tabindex="0">
${grid(report)}
</div>
${shortfalls(pairs)}
${profiles(report.machines)}
</main>
</body>
</html>
`;
}

/** `2026-11-22T22:52:23.882Z` as `2026-11-22 22:52 UTC`. */
function dateForPeople(date: string): string {
  const [day, time] = date.split('T');
  return time === undefined ? date : `${day ?? ''} ${time.slice(0, 5)} UTC`;
}

function summaryOf({ pairs, durationMs }: MatrixReport): string {
  const direct = pairs.filter(({ actual }) => actual === 'direct').length;
  const relayed = pairs.filter(({ actual }) => actual === 'relay').length;
  const wrong = pairs.filter(({ problems }) => problems.length > 0).length;
  const seconds = Math.round(durationMs / 1000);
  return `${pairs.length} pairs: ${direct} direct, ${relayed} relayed, ${wrong} not as they have to be; run in ${seconds} s.`;
}

function legend(pairs: readonly MatrixPair[]): string {
  const count = (style: string): number =>
    pairs.filter((pair) => markOf(pair).style === style).length;
  const marks = Object.values(MARKS).map(
    ({ sign, style, meaning }) =>
      `<li><span class="key ${style}" aria-hidden="true">${sign}</span> ${meaning} (${count(style)})</li>`,
  );
  const kinds = KINDS.map(([kind, meaning]) => `<li><b>${kind}</b> ${meaning}</li>`);
  return `<h2>Legend</h2>
<ul class="legend">${marks.join('')}</ul>
<ul class="legend">${kinds.join('')}</ul>`;
}

function grid({ machines, pairs }: MatrixReport): string {
  const byName = new Map(pairs.map((pair) => [`${pair.from}:${pair.to}`, pair]));
  const pairAt = (row: string, column: string): MatrixPair | undefined =>
    byName.get(`${row}:${column}`) ?? byName.get(`${column}:${row}`);
  const heads = machines.map(
    ({ name }) => `<th scope="col"><span class="up">${escapeText(name)}</span></th>`,
  );
  const rows = machines.map(({ name: row }) => {
    const cells = machines.map(({ name }) => cell(pairAt(row, name), name === row));
    return `<tr><th scope="row">${escapeText(row)}</th>${cells.join('')}</tr>`;
  });
  return `<table class="grid">
<caption>Who reaches whom how</caption>
<thead><tr><td></td>${heads.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function markOf({ actual, expected, problems }: MatrixPair): Mark {
  if (problems.length > 0) return MARKS.wrong;
  if (actual === 'direct') return expected === 'direct' ? MARKS.good : MARKS.luck;
  return expected === 'either' ? MARKS.waits : MARKS.barred;
}

function cell(pair: MatrixPair | undefined, isOwn: boolean): string {
  if (pair === undefined) return '<td class="absent"><span class="hidden">not run</span></td>';
  const { sign, style } = markOf(pair);
  const ms = pair.actual === 'direct' ? pair.directMs : pair.latencyMs;
  const time = ms === null ? '' : String(Math.round(ms));
  const way = pair.actual === 'direct' ? (pair.method ?? 'direct') : pair.actual;
  const title = `${pair.from} and ${pair.to}: ${pair.actual}. ${pair.oracle.reason}.`;
  const hidden = pair.actual === 'direct' ? 'direct by ' : '';
  const kind = pair.oracle.kind === null ? '' : ` <b>${pair.oracle.kind}</b>`;
  return `<td class="${style}${isOwn ? ' own' : ''}" title="${escapeText(title)}"><span class="hidden">${hidden}</span>${way}<br><small><span class="sign" aria-hidden="true">${sign}</span> ${time}${kind}</small></td>`;
}

function shortfalls(pairs: readonly MatrixPair[]): string {
  const wrong = pairs.filter(({ problems }) => problems.length > 0);
  if (wrong.length === 0) return '<h2>What fell short</h2><p>Nothing.</p>';
  const rows = wrong.map(
    ({ from, to, oracle, problems }) =>
      `<tr><th scope="row">${escapeText(from)} and ${escapeText(to)}</th><td>${oracle.kind ?? 'none'}</td><td>${escapeText(oracle.reason)}</td><td>${escapeText(problems.join('; '))}</td></tr>`,
  );
  return `<h2>What fell short</h2>
<div class="wide"><table><thead><tr><th scope="col">Pair</th><th scope="col">Kind</th><th scope="col">The oracle</th><th scope="col">What happened</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

function profiles(machines: readonly MatrixMachine[]): string {
  const rows = machines.map(
    ({ name, nat, about }) =>
      `<tr><th scope="row">${escapeText(name)}</th><td>${nat}</td><td>${escapeText(about)}</td></tr>`,
  );
  return `<h2>Profiles</h2>
<div class="wide"><table><thead><tr><th scope="col">Profile</th><th scope="col">Class</th><th scope="col">What it is</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Text keeps a contrast of 7 to 1 or more on every background of both schemes. */
const STYLE = `
:root { --ink: #1b1b1b; --paper: #fff; --line: #c9c9c9; --good: #d5f0d8; --luck: #d3e6fb; --waits: #fdf0c4; --barred: #ececec; --wrong: #fbd3d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f1f1f1; --paper: #161616; --line: #4b4b4b; --good: #143d1b; --luck: #123457; --waits: #453a06; --barred: #2b2b2b; --wrong: #5c1512; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.4 system-ui, sans-serif; }
main { padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p { max-width: 70em; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; padding: 0; margin: .3rem 0; }
.key { display: inline-block; width: 1.5em; text-align: center; border: 1px solid var(--line); font-weight: bold; }
.scroll { overflow: auto; max-height: 95vh; max-width: max-content; border: 1px solid var(--line); margin: 1rem 0; }
.scroll:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; padding: .4rem; font-weight: bold; border-bottom: 1px solid var(--line); }
th, td { border: 1px solid var(--line); padding: .15rem .35rem; text-align: left; vertical-align: top; }
.grid { border-collapse: separate; border-spacing: 0; }
.grid th, .grid td { border-width: 0 1px 1px 0; padding: .1rem .2rem; }
.grid td { white-space: nowrap; font-size: 11px; line-height: 1.25; }
.grid td.own { box-shadow: inset 0 0 0 1px var(--ink); }
.grid tbody tr:hover th { text-decoration: underline; }
.grid small { font-size: 10px; }
.grid th { background: var(--paper); position: sticky; font-size: 11px; font-weight: 600; white-space: nowrap; z-index: 1; }
.grid thead th { top: 0; vertical-align: bottom; } .grid tbody th { left: 0; vertical-align: middle; }
.grid thead td { position: sticky; top: 0; left: 0; background: var(--paper); z-index: 2; }
.up { writing-mode: vertical-rl; transform: rotate(180deg); }
.sign { font-weight: bold; }
.good { background: var(--good); } .luck { background: var(--luck); } .waits { background: var(--waits); }
.barred { background: var(--barred); } .wrong { background: var(--wrong); outline: 2px solid currentColor; outline-offset: -3px; }
@media (max-width: 40em) { main { padding: .75rem; } .grid th { font-size: 10px; } }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;
