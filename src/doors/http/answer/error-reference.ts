import { ERRORS, type ErrorCode } from '../../../base/kernel/index.ts';
import { ANSWERS, type Answer } from './error-map.ts';

const SECTIONS: { seen: Answer['seen']; heading: string; text: string }[] = [
  {
    seen: 'answer',
    heading: 'Answers of the API',
    text: '`code` of a problem document (RFC 9457). Its `outcome` says what happened: `none`, nothing; `done`, it happened; `unknown`, ask again with the same key. `retryable` says that the same request may succeed later.',
  },
  {
    seen: 'failure',
    heading: 'Why a withdrawal ended without paying',
    text: '`failure.code` of a withdrawal. Funds were released in each case.',
  },
  {
    seen: 'operations',
    heading: 'For operators',
    text: 'Codes of logs, events and the command line. A client is told `internal` or `unavailable` instead.',
  },
];

function codesOf(seen: Answer['seen']): ErrorCode[] {
  return (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ANSWERS[code].seen === seen);
}

function statusOf(code: ErrorCode): string {
  const { status, seen } = ANSWERS[code];
  return seen === 'answer' ? String(status) : '–';
}

/** docs/errors.md, made from the catalogue and the error map; a test holds the file to it. */
export function errorReference(): string {
  const lines = [
    '# Error reference',
    '',
    'Generated from the error catalogue and the error map. Do not edit by hand.',
    '',
    'The kinds: a *refusal* is a no, and nothing happened; *transient* means try again; *unknown* means that it may have happened and only asking again with the same key tells; an *invariant* is a broken law of ours, and a person is told.',
  ];
  for (const { seen, heading, text } of SECTIONS) {
    lines.push('', `## ${heading}`, '', text, '');
    lines.push('| code | kind | status | what it says | what to do |', '|---|---|---|---|---|');
    for (const code of codesOf(seen)) {
      const { kind, title, help } = ERRORS[code];
      const cells = [`<a id="${code}"></a>\`${code}\``, kind, statusOf(code), title, help];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The same as a page: what the `type` of every problem links to. */
export function errorPage(): string {
  const sections = SECTIONS.map(({ seen, heading, text }) => {
    const rows = codesOf(seen).map((code) => {
      const { kind, title, help } = ERRORS[code];
      const cells = [kind, statusOf(code), title, help].map(
        (cell) => `<td>${escapeHtml(cell)}</td>`,
      );
      return `<tr id="${code}"><td><a href="#${code}"><code>${code}</code></a></td>${cells.join('')}</tr>`;
    });
    const head = ['code', 'kind', 'status', 'what it says', 'what to do'];
    return `<h2>${escapeHtml(heading)}</h2>
<p>${escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')}</p>
<table><thead><tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>payonce: error reference</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color-scheme: light dark; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid #8886; padding: .4rem .8rem; text-align: left; vertical-align: top; }
tr:target { background: #fc36; }
</style>
<h1>Error reference</h1>
${sections.join('\n')}
</html>
`;
}
