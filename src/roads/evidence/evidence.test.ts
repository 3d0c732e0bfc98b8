import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SealedInstallation, sealedInstallation } from '../../../test/verify/sealed.ts';
import { RpcClient } from '../../base/chain/index.ts';
import { openPool } from '../../base/db/index.ts';
import { type Evidence, readEvidence, writeEvidence } from './file.ts';
import { checkEvidence, exportEvidence, recheckChain } from './index.ts';

let sealed: SealedInstallation;
let text: string;
/** Of the other withdrawal that was paid. */
let others: Evidence;
beforeAll(async () => {
  sealed = await sealedInstallation();
  text = (await exported(sealed.paid))!;
  const [other] = await sealed.on.rows<{ id: string }>(
    "SELECT withdrawal_id AS id FROM withdrawal WHERE status = 'COMPLETED' AND withdrawal_id <> $1",
    [sealed.paid],
  );
  others = readEvidence((await exported(other!.id))!)!;
});
afterAll(() => sealed?.on.stop());

async function exported(withdrawalId: string, tenantId: string | null = null) {
  const url = sealed.on.databases.mainUrl;
  const db = openPool({ url, role: 'payonce_app', name: 'test', max: 1 });
  try {
    return await exportEvidence(db, { withdrawalId, tenantId });
  } finally {
    await db.end();
  }
}

const check = (file: string) => checkEvidence(file, sealed.trusted.publicKeys);
const untrue = async (file: string) =>
  (await check(file)).statements.filter(({ holds }) => !holds).map(({ what }) => what);

/** Altered by somebody who knows the format: the file is whole again, the facts are not. */
function forged(alter: (evidence: Evidence) => void): string {
  const { format: _format, digest: _digest, ...evidence } = readEvidence(text)!;
  const copy = structuredClone(evidence) as Evidence;
  alter(copy);
  return writeEvidence(copy);
}

const row = (evidence: Evidence, table: string) =>
  evidence.rows.find((one) => one.table === table)!;

describe('the evidence of a payment', () => {
  it('holds in every statement, with the public key alone', async () => {
    const { statements } = await check(text);
    expect(statements.filter(({ holds }) => !holds)).toEqual([]);
    const states = statements.find(({ what }) => what === 'its states follow each other');
    expect(states?.detail).toBe('RESERVED → APPROVED → EXECUTING → COMPLETED');
    expect(
      statements.some(({ what }) => /^transaction 0x.* does what was wanted$/.test(what)),
    ).toBe(true);
    expect(statements.length).toBeGreaterThan(15);
  });

  it('does not hold with any byte of it altered', async () => {
    const bytes = Buffer.from(text, 'utf8');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (position, flip) => {
          const altered = Buffer.from(bytes);
          altered[position] = altered[position]! ^ flip;
          expect(await untrue(altered.toString('utf8'))).not.toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
    expect(await untrue(text.trimEnd())).toEqual(['the file is whole']);
    expect(await untrue(`${text} `)).toEqual(['the file is whole']);
  });

  it.each<[string, RegExp, (evidence: Evidence) => void]>([
    [
      'the amount of the withdrawal',
      /^withdrawal .* is sealed$/,
      (e) => {
        const one = row(e, 'withdrawal');
        one.text = one.text.replace('"amount":"5000000"', '"amount":"6000000"');
      },
    ],
    [
      'a sum of a transfer',
      /^transfer .* is sealed$/,
      (e) => {
        const one = row(e, 'transfer');
        one.text = one.text.replace('"amounts":"{', '"amounts":"{1');
      },
    ],
    [
      'the verdict',
      /^decision .* is sealed$/,
      (e) => {
        const one = row(e, 'decision');
        one.text = one.text.replace('"tier":"low"', '"tier":"high"');
      },
    ],
    [
      'an event',
      /^events of batch .* are its own$/,
      (e) => {
        const own = e.events.flatMap((batch) => batch.own)[0]!;
        own.text = own.text.replace('"$event":"', '"$event":"1');
      },
    ],
    [
      'the hash of an event',
      /^events of batch .* are its own$/,
      (e) => {
        e.events[0]!.hashes[0] = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'a path',
      /is sealed$/,
      (e) => {
        e.rows.find((one) => one.proof!.path.length > 0)!.proof!.path[0] = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'a header',
      /^block .* is signed$/,
      (e) => {
        e.blocks[0]!.message = e.blocks[0]!.message.replace('"version":1', '"version":2');
      },
    ],
    [
      'a signature',
      /^block .* is signed$/,
      (e) => {
        e.blocks[0]!.signature = `0x${'11'.repeat(64)}`;
      },
    ],
    [
      'the key',
      /^block .* is signed$/,
      (e) => {
        e.blocks[0]!.publicKey = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'signed bytes',
      /^transaction 0x/,
      (e) => {
        e.attempts[0]!.raw = `0x${e.attempts[0]!.raw.slice(2, -2)}00`;
      },
    ],
    [
      'the hash of a transaction',
      /^transaction 0x1111/,
      (e) => {
        e.attempts[0]!.txHash = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'the lane',
      /^the slot is bound to the intent$/,
      (e) => {
        e.slot!.from = `0x${'11'.repeat(20)}`;
      },
    ],
    [
      'the nonce',
      /^transaction 0x/,
      (e) => {
        e.slot!.nonce = '99';
      },
    ],
    [
      'where it was mined',
      /^transaction 0x1111.* was mined$/,
      (e) => {
        e.inclusions[0]!.txHash = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'a row that is not there',
      /^the withdrawal is there$/,
      (e) => {
        e.rows = e.rows.filter((one) => one.table !== 'withdrawal');
      },
    ],
    [
      'a proof that is not there',
      /^tx .* is sealed$/,
      (e) => {
        row(e, 'tx').proof = null;
      },
    ],
    [
      'transfers that are not there',
      /^what was set aside is resolved once$/,
      (e) => {
        e.rows = e.rows.filter((one) => !one.text.includes('"kind":"RESERVE"'));
      },
    ],
    [
      'a state that is not there',
      /^its states follow each other$/,
      (e) => {
        e.rows = e.rows.filter((one) => !one.text.includes('"to_state":"APPROVED"'));
      },
    ],
    [
      'a header that is none',
      /^every part of it has its form$/,
      (e) => {
        e.blocks[0]!.message = 'x';
      },
    ],
    [
      'the commit that is not there',
      /^what is completed was committed and paid$/,
      (e) => {
        e.rows = e.rows.filter((one) => !one.text.includes('"kind":"COMMIT"'));
      },
    ],
    [
      'no transaction left',
      /^what is completed was committed and paid$/,
      (e) => {
        e.slot = null;
        e.attempts = [];
        e.inclusions = [];
      },
    ],
    [
      'another transaction for which there is no slot',
      /^what was signed can be compared$/,
      (e) => {
        e.slot = null;
        e.attempts[0]!.txHash = e.inclusions[0]!.txHash = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      'another transaction and none of the request',
      /^what was signed can be compared$/,
      (e) => {
        e.rows = e.rows.filter((one) => one.table !== 'tx');
        e.attempts[0]!.txHash = e.inclusions[0]!.txHash = `0x${'11'.repeat(32)}`;
      },
    ],
    [
      "the commit another withdrawal's",
      /^what is completed was committed and paid$/,
      (e) => {
        const own = e.rows.findIndex((one) => one.text.includes('"kind":"COMMIT"'));
        e.rows[own] = others.rows.find((one) => one.text.includes('"kind":"COMMIT"'))!;
      },
    ],
    [
      'another installation',
      /^block .* is signed$/,
      (e) => {
        e.installationId = '00000000-0000-4000-8000-000000000000';
      },
    ],
    [
      'another withdrawal',
      /^the withdrawal is there$/,
      (e) => {
        e.withdrawalId = '00000000-0000-4000-8000-000000000000';
      },
    ],
  ])('is untrue with %s altered and the file made whole again', async (_what, named, alter) => {
    const words = await untrue(forged(alter));
    expect(
      words.some((what) => named.test(what)),
      words.join('\n'),
    ).toBe(true);
  });

  it('is asked of the node also where it completed in a block that is not said to be final', async () => {
    const rpc = new RpcClient({ url: sealed.on.anvil.url });
    expect(await recheckChain(rpc, await check(text))).toMatchObject([{ holds: true }]);
    const file = forged((e) => {
      Object.assign(e.inclusions[0]!, { final: false, blockHash: `0x${'11'.repeat(32)}` });
    });
    expect(await recheckChain(rpc, await check(file))).toMatchObject([{ holds: false }]);
  });

  it('is there for its own tenant only', async () => {
    expect(await exported(sealed.paid, sealed.on.tenantId)).not.toBe(null);
    expect(await exported(sealed.paid, '00000000-0000-4000-8000-000000000001')).toBe(null);
    expect(await exported('00000000-0000-4000-8000-000000000000')).toBe(null);
  });
});
