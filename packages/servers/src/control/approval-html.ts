/**
 * What the approval pages say. No script, no picture, nothing from elsewhere: one style sheet, whose hash the
 * content security policy names. Whatever a machine or a person said is escaped.
 */
import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem }
dt { opacity: .7; font-size: .9rem }
dd { margin: 0 0 .7rem; overflow-wrap: anywhere }
code, input[type=text] { font-family: ui-monospace, monospace }
input[type=text] { font-size: 1rem; width: 100%; box-sizing: border-box; padding: .5rem }
button { font: inherit; padding: .5rem 1.2rem; margin-top: 1rem }
.warning { border-left: 4px solid #c60; padding-left: .8rem }
.problem { border-left: 4px solid #c00; padding-left: .8rem }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Nothing runs, nothing is loaded, nobody frames it, and the form goes nowhere else. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  // The address is a secret of one machine; a browser still has to name its origin when it posts.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** The machine as its owner may recognise it. */
export interface MachineCard {
  readonly hostName: string;
  readonly os: string;
  readonly fingerprint: string;
  readonly source: string;
  readonly askedAt: string;
  readonly tags: readonly string[];
}

/** An SSH session as who began it may recognise it. */
export interface SessionCard {
  readonly user: string;
  readonly source: string;
  readonly target: string;
  readonly localUser: string;
  readonly askedAt: string;
}

export interface FormFields {
  readonly token: string;
  /** What went wrong with the last try; undefined: this is the first. */
  readonly problem: string | undefined;
}

export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character);
}

function page(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`;
}

const unnamed = '(not said)';

type Rows = readonly (readonly [string, string])[];

function machineRows(machine: MachineCard): Rows {
  return [
    ['Name', machine.hostName || unnamed],
    ['System', machine.os || unnamed],
    ['Key', machine.fingerprint],
    ['Asked from', machine.source],
    ['Asked at', machine.askedAt],
    ...(machine.tags.length === 0 ? [] : [['Wants the tags', machine.tags.join(', ')] as const]),
  ];
}

function card(rows: Rows): string {
  const lines = rows.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<dl>\n${lines.join('\n')}\n</dl>`;
}

/** What a form asks, in HTML but for the rows. */
interface Question {
  readonly title: string;
  readonly rows: Rows;
  readonly warning: string;
  readonly statement: string;
  readonly button: string;
  readonly foot: string;
}

export function approvalForm(machine: MachineCard, fields: FormFields): string {
  return formPage(
    {
      title: 'Let this machine into the network?',
      rows: machineRows(machine),
      warning: `Go on only if you have just started this login yourself, on this machine. Whoever sent you
this address by mail or chat may want to get a machine of theirs into your network: close the page then.`,
      statement: 'I have started this login on this machine myself.',
      button: 'Let it in',
      foot: `On the hub itself, <code>warren control logins approve</code> does the same without a code, and
<code>warren control logins code</code> makes one.`,
    },
    fields,
  );
}

export function sessionForm(session: SessionCard, fields: FormFields): string {
  return formPage(
    {
      title: 'Let this SSH session begin?',
      rows: [
        ['From the machine', session.source],
        ['Of', session.user || '(nobody: it has tags)'],
        ['On the machine', session.target],
        ['As', session.localUser],
        ['Asked at', session.askedAt],
      ],
      warning: `Go on only if you have just begun this session yourself. Whoever sent you this address may be at
your machine, or want you to let them in: close the page then.`,
      statement: 'I have begun this session myself.',
      button: 'Let it begin',
      foot: `The code has to be one of the user whose machine it comes from. On the hub itself,
<code>warren control ssh-checks approve</code> does the same without a code.`,
    },
    fields,
  );
}

/** The form; its address is the page's own. */
function formPage(question: Question, { token, problem }: FormFields): string {
  const trouble =
    problem === undefined ? '' : `<p class="problem" role="alert">${escapeHtml(problem)}</p>\n`;
  return page(
    question.title,
    `${trouble}${card(question.rows)}
<p class="warning">${question.warning}</p>
<form method="post" autocomplete="off">
<input type="hidden" name="token" value="${escapeHtml(token)}">
<p><label><input type="checkbox" name="mine" value="yes" required>
${question.statement}</label></p>
<p><label for="code">Approval code, from the operator of this hub</label>
<input type="text" id="code" name="code" required maxlength="64" autocapitalize="off" autocorrect="off"
spellcheck="false" placeholder="xxxx-xxxx-xxxx-xxxx-xxxx-xxxx"></p>
<button type="submit">${question.button}</button>
</form>
<p>${question.foot}</p>`,
  );
}

export function sessionApprovedPage(): string {
  return page(
    'It begins',
    '<p>The session goes on where you began it. You can close this page.</p>',
  );
}

export function approvedPage(name: string): string {
  return page(
    'It is in',
    `<p>The machine is <code>${escapeHtml(name)}</code> in the network now. You can close this page.</p>`,
  );
}

/** Of a login or session that is over, was never there, or was not guessed right: it doesn't tell which. */
export function overPage(): string {
  return page(
    'This is over',
    '<p>Nothing waits at this address: it was approved, rejected, or took longer than 15 minutes. Start it again on the machine, which then shows a new address.</p>',
  );
}

export function problemPage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`);
}
