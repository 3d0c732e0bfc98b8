import { configSchema } from '../src/base/config/index.ts';
import { isEnd, MACHINES, type Machine } from '../src/base/kernel/index.ts';
import { policySchema } from '../src/books/policy/index.ts';
import { errorReference } from '../src/doors/http/index.ts';
import { verifyReference } from './verify-docs.ts';

/** Path → text of the documents that are made from data in the code; a test holds the files to it. */
export function generatedDocs(): Map<string, string> {
  return new Map([
    ['docs/errors.md', errorReference()],
    ['docs/machines.md', machineReference()],
    ['docs/verify.md', verifyReference()],
    ['docs/config.schema.json', `${JSON.stringify(configSchema(), null, 2)}\n`],
    ['docs/policy.schema.json', `${JSON.stringify(policySchema(), null, 2)}\n`],
  ]);
}

/** One paragraph per machine, for those who read the diagram first. */
const WORDS: Record<string, string> = {
  policy_change:
    'A policy document on its way to rule ([policy](policy.md)). SCHEDULED waits out the delay of what loosens, and any one person may veto it; what tightens goes from PROPOSED to EFFECTIVE by the second word. One is EFFECTIVE.',
  withdrawal:
    'What a client ordered. The stored state; the `status` of the API also tells how far the transaction of an EXECUTING withdrawal has come (SIGNED, BROADCASTED, INCLUDED, SAFE, FINALIZED) and never falls. AWAITING_APPROVAL: persons were asked.',
  approval:
    'Approvers were asked about one payment. APPROVED says that enough of them have signed; whether their signatures are good the signer judges for itself.',
  payment:
    'What a payer signed, handed in by a merchant ([x402](x402.md)). VOIDED: its merchant charged nothing of it, so nothing was sent; with DUPLICATE_REQUEST the only ends without a transaction that are no failure.',
  tx: 'One effect on chain, with exactly one nonce slot. FINAL, REVERTED, REPLACED and CANCELLED mean finalized on the chain; CANCELLED from CREATED means that no nonce was ever given. A reorg moves no row back: whether an inclusion is canonical, safe or final is read from the chain head. REPLACED is declared and not walked yet.',
};

function machineReference(): string {
  const lines = [
    '# State machines',
    '',
    'Generated from `src/base/kernel/machine.ts` by `npm run generate`. Do not edit by hand.',
    '',
    'The same data gives the TypeScript types, the rows of `state_initial` and `state_transition`, and the triggers that refuse every other move, whoever tries it.',
  ];
  for (const machine of MACHINES) lines.push('', ...sectionOf(machine));
  return `${lines.join('\n')}\n`;
}

function sectionOf(machine: Machine): string[] {
  const states = Object.keys(machine.moves);
  const told = (list: readonly string[]) => list.map((state) => `\`${state}\``).join(', ');
  const role = (state: string) =>
    [machine.initial.includes(state) ? 'start' : '', isEnd(machine, state) ? 'end' : '']
      .filter((word) => word !== '')
      .join(', ');
  return [
    `## ${machine.name}`,
    '',
    `Table \`${machine.table}\`, by \`${machine.idColumn}\`. ${WORDS[machine.name] ?? ''}`.trim(),
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...machine.initial.map((state) => `  [*] --> ${state}`),
    ...states.flatMap((from) => machine.moves[from]!.map((to) => `  ${from} --> ${to}`)),
    ...states.filter((state) => isEnd(machine, state)).map((state) => `  ${state} --> [*]`),
    '```',
    '',
    '| state | | may move to |',
    '|---|---|---|',
    ...states.map(
      (from) => `| \`${from}\` | ${role(from)} | ${told(machine.moves[from]!) || '–'} |`,
    ),
  ];
}
