import { type Fault, type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { PolicyWorld } from './match.ts';
import { readPolicy, tellPolicyFault } from './read.ts';
import type { Policy } from './types.ts';

/** The policy of a document that came in a request's member `document`; every fault of it is told with its line. */
export function readPolicyBody(document: string, world: PolicyWorld): Policy | Refusal {
  const { policy, faults } = readPolicy(document, world);
  if (policy !== null) return policy;
  return refuse(
    'policy_faulty',
    `${faults.length} faults, the first: ${tellPolicyFault(faults[0]!)}.`,
    {
      faults: faults.map((fault): Fault => {
        const { line, column, rule, path, found, expected } = fault;
        const place = `line ${line}, column ${column}${rule === null ? '' : `, rule ${rule}`}`;
        return {
          pointer: '/document',
          code: 'policy_faulty',
          got: `${place}${path === '' ? '' : `, ${path}`}: ${found}`,
          expected,
        };
      }),
    },
  );
}
