import { parseTransaction } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Person, personOf } from '../../../../test/support/persons.ts';
import { Random, seedOfRun } from '../../../../test/support/steps/random.ts';
import { type Db, openPool } from '../../../base/db/index.ts';
import type { ApprovalContent } from '../../../base/effect/index.ts';
import { caip19, type Hex, systemClock } from '../../../base/kernel/index.ts';
import { signBatch, takeOverBatch } from '../index.ts';
import {
  CHAIN,
  GWEI,
  type Installation,
  PAYEE,
  startInstallation,
  TOKEN,
} from '../installation.fixture.ts';
import { type Attempt, HostileControlPlane } from './control-plane.fixture.ts';

const USDC = 1_000_000n;
const TOKENS = caip19(CHAIN, TOKEN);
const COIN = caip19(CHAIN, null);
/** What the signer's own configuration says. */
const THRESHOLD = 100n * USDC;
const CAP = 1_000n * USDC;
const WINDOW = 6_000n * USDC;
const GAS_WINDOW = 10n ** 18n;

const [alice, bob, self] = [personOf('alice'), personOf('bob'), personOf('self', ['self-key'])];
const BY_TWO = { kind: 'withdrawal', requirement: { group: 'finance', count: 2 } } as const;
const [removed, eve] = [personOf('removed'), personOf('eve')];

let at: Installation;
let app: Db;
let plane: HostileControlPlane;
beforeAll(async () => {
  at = await startInstallation(undefined, {
    approvals: {
      approvers: [alice, bob, self].map(({ settings }) => settings),
      groups: [{ id: 'finance', members: ['alice', 'bob', 'self'] }],
      thresholds: [
        { asset: TOKENS, above: THRESHOLD, ...BY_TWO },
        { asset: COIN, above: 0n, ...BY_TWO },
      ],
      webauthn: null,
      expireAfterMs: 1,
    },
    limits: [
      {
        ...{ walletGroup: 'demo', asset: TOKENS, perTransaction: CAP },
        windows: [{ ms: 86_400_000, amount: WINDOW }],
      },
      {
        ...{ walletGroup: 'demo', asset: COIN, perTransaction: null },
        windows: [{ ms: 86_400_000, amount: GAS_WINDOW }],
      },
    ],
  });
  app = openPool({ url: at.databases.mainUrl, role: 'payonce_app', name: 'hostile', max: 4 });
  plane = new HostileControlPlane(at, app);
});
afterAll(async () => {
  await app.end();
  await at.stop();
});

const honest = (key: string, amount: bigint, over: Partial<ApprovalContent> = {}): Attempt => ({
  token: TOKEN,
  recipient: PAYEE,
  amount,
  maxFeePerGas: 10n * GWEI,
  gasLimit: 60_000n,
  lane: 0,
  content: plane.content(key, { amount, ...over }),
  rewritten: {},
  signers: [alice, bob],
  names: ['alice', 'bob'],
  usedByAnother: false,
});
const by = (signers: Person[], names = signers.map(({ settings }) => settings.id)) => ({
  signers,
  names,
});
const OTHER: Hex = `0x${'44'.repeat(20)}`;

/** After the approvals were given, this is changed; `code` and `field` are what the signer has to say of it. */
type Edit = {
  name: string;
  code: string | null;
  field?: string;
  make(key: string, amount: bigint): Attempt;
};

const EDITS: Edit[] = [
  { name: 'nothing', code: null, make: honest },
  {
    name: 'nothing, and nobody was asked below the threshold',
    code: null,
    make: (key, amount) => ({ ...honest(key, (amount % THRESHOLD) + 1n), content: null }),
  },
  {
    name: 'the amount',
    code: 'approval_mismatch',
    field: 'amount',
    make: (key, amount) => ({ ...honest(key, amount), amount: amount + 1n }),
  },
  {
    name: 'the recipient',
    code: 'approval_mismatch',
    field: 'to',
    make: (key, amount) => ({ ...honest(key, amount), recipient: OTHER }),
  },
  {
    name: 'the asset',
    code: 'approval_mismatch',
    field: 'asset',
    make: (key, amount) => ({ ...honest(key, amount), token: null }),
  },
  {
    name: 'the chain',
    code: 'approval_mismatch',
    field: 'chainId',
    make: (key, amount) => honest(key, amount, { chainId: 1 }),
  },
  {
    name: 'the wallet group',
    code: 'approval_mismatch',
    field: 'walletGroup',
    make: (key, amount) => honest(key, amount, { walletGroup: 'another' }),
  },
  {
    name: 'the fee cap',
    code: 'approval_mismatch',
    field: 'feeCap',
    make: (key, amount) => honest(key, amount, { feeCap: 10n * GWEI * 60_000n - 1n }),
  },
  {
    name: 'the amount, in the request as well',
    code: 'approval_signature_invalid',
    make: (key, amount) => ({
      ...honest(key, amount),
      amount: amount + 1n,
      rewritten: { amount: amount + 1n },
    }),
  },
  {
    name: 'the recipient, in the request as well',
    code: 'approval_signature_invalid',
    make: (key, amount) => ({ ...honest(key, amount), recipient: OTHER, rewritten: { to: OTHER } }),
  },
  {
    name: 'the expiry, in the request',
    code: 'approval_signature_invalid',
    make: (key, amount) => ({
      ...honest(key, amount, { expiry: 1 }),
      rewritten: { expiry: 4_000_000_000 },
    }),
  },
  {
    name: 'the initiator, in the request',
    code: 'approval_signature_invalid',
    make: (key, amount) => ({
      ...honest(key, amount, { initiator: 'self-key' }),
      ...by([alice, self]),
      rewritten: { initiator: 'somebody' },
    }),
  },
  {
    name: 'the payment that was approved: another one',
    code: 'approval_replayed',
    field: 'intentId',
    make: (key, amount) => honest(key, amount, { intentId: plane.intentId(`${key}-before`) }),
  },
  {
    name: 'what the approvals were used for',
    code: 'approval_replayed',
    make: (key, amount) => ({ ...honest(key, amount), usedByAnother: true }),
  },
  {
    name: 'the policy since',
    code: 'approval_policy_outdated',
    field: 'policyVersion',
    make: (key, amount) => honest(key, amount, { policyVersion: 'config:old' }),
  },
  {
    name: 'nothing, but too late',
    code: 'approval_expired',
    field: 'expiry',
    make: (key, amount) => honest(key, amount, { expiry: Math.floor(Date.now() / 1000) - 1 }),
  },
  {
    name: 'who approves: who was taken out',
    code: 'approver_unknown',
    make: (key, amount) => ({ ...honest(key, amount), ...by([alice, removed]) }),
  },
  {
    name: 'who approves: who asked',
    code: 'approver_is_initiator',
    make: (key, amount) => ({
      ...honest(key, amount, { initiator: 'self-key' }),
      ...by([alice, self]),
    }),
  },
  {
    name: 'who approves: a stranger in the name of an approver',
    code: 'approval_signature_invalid',
    make: (key, amount) => ({ ...honest(key, amount), ...by([alice, eve], ['alice', 'bob']) }),
  },
  {
    name: 'how many approve',
    code: 'approval_missing',
    make: (key, amount) => ({ ...honest(key, amount), ...by([alice]) }),
  },
  {
    name: 'whether anybody is asked',
    code: 'approval_missing',
    make: (key, amount) => ({ ...honest(key, amount), content: null }),
  },
  {
    name: 'whether anybody is asked, by another name of the asset',
    code: 'asset_mismatch',
    make: (key, amount) => ({ ...honest(key, amount), content: null, assetName: 'USDC' }),
  },
  {
    name: 'the cap of one transaction',
    code: 'limit_per_transaction',
    make: (key) => honest(key, CAP + 1n),
  },
];

/** Every order that two signers take at once; until none is left. */
async function signAll(): Promise<void> {
  const signers = [at.signer('first'), at.signer('second')];
  for (;;) {
    const batches = await Promise.all(signers.map((signer) => signBatch(signer, 5)));
    if (batches.every(({ claimed }) => claimed === 0)) return;
  }
}

/** Tokens and wei that everything that was ever signed can take from the lanes, by the bytes themselves. */
async function signedAway(): Promise<{ tokens: bigint; wei: bigint }> {
  const { rows } = await at.owner.query<{ raw: Buffer }>(
    'SELECT raw FROM signature WHERE raw IS NOT NULL',
  );
  return rows
    .map(({ raw }) => parseTransaction(`0x${raw.toString('hex')}`))
    .reduce(
      ({ tokens, wei }, { data = '0x', value = 0n, gas = 0n, maxFeePerGas = 0n }) => ({
        tokens: tokens + (data === '0x' ? 0n : BigInt(`0x${data.slice(74)}`)),
        wei: wei + value + gas * maxFeePerGas,
      }),
      { tokens: 0n, wei: 0n },
    );
}

async function told(requestId: string) {
  const answer = await at.signature(requestId);
  const [refusal] = await at.journalRows(
    `SELECT code, field FROM refusal WHERE signature_request_id = '${requestId}'`,
  );
  return { code: answer?.refusal, refusal };
}

async function inJournal(intentId: Hex): Promise<unknown[]> {
  return at.journalRows(
    `SELECT 1 FROM slot_binding WHERE intent_id = decode('${intentId.slice(2)}', 'hex')`,
  );
}

describe('a hostile control plane', () => {
  it.each(EDITS)('that changes $name is told $code', async ({ name, code, field, make }) => {
    const { requestId, intentId } = await plane.order(name, make(name, 200n * USDC));
    await signAll();
    if (code === null) {
      expect((await at.signature(requestId))?.refusal).toBeNull();
      expect(await inJournal(intentId)).toHaveLength(1);
      return;
    }
    expect(await told(requestId)).toEqual({ code, refusal: { code, field: field ?? null } });
    expect(await inJournal(intentId)).toEqual([]);
  });

  it('waits, signed by nobody, at a signer that does not know what time it is', async () => {
    const { requestId } = await plane.order('clock', honest('clock', 200n * USDC));
    const clock = { ...systemClock, now: () => Date.now() - 3_600_000 };
    const slow = at.signer('slow', { clock });
    expect(await signBatch(slow, 5)).toMatchObject({ claimed: 1, signed: 0, refused: 0 });
    expect(await at.signature(requestId)).toBeNull();
    const watermark = { floor: '00000000-0000-0000-0000-000000000000' };
    await takeOverBatch(at.signer('right'), { limit: 5, watermark, olderThanMs: 0 });
    expect((await at.signature(requestId))?.refusal).toBeNull();
  });

  it('never takes more than the caps, whatever it writes, in whatever order, at two signers', async () => {
    const seed = seedOfRun();
    console.info(`hostile control plane: PAYONCE_SEED=${seed}`);
    const random = new Random(seed);
    const asked: { requestId: string; intentId: Hex; edit: Edit }[] = [];
    for (let round = 0; round < 12; round += 1) {
      for (let n = random.below(12); n >= 0; n -= 1) {
        const edit = random.chance(0.5) ? EDITS[random.below(2)]! : random.pick(EDITS);
        const amount = THRESHOLD + BigInt(1 + random.below(Number(CAP - THRESHOLD)));
        const key = `${seed}-${asked.length}`;
        const attempt = { ...edit.make(key, amount), lane: random.below(2) };
        asked.push({ ...(await plane.order(key, attempt)), edit });
      }
      await signAll();
      const { tokens, wei } = await signedAway();
      expect(tokens).toBeLessThanOrEqual(WINDOW);
      expect(wei).toBeLessThanOrEqual(GAS_WINDOW);
    }
    // Enough of what is right in every other way to pass any window.
    for (let n = 0n; n * CAP <= WINDOW; n += 1n) {
      const key = `${seed}-last-${n}`;
      asked.push({ ...(await plane.order(key, honest(key, CAP))), edit: EDITS[0]! });
    }
    await signAll();
    expect((await told(asked.at(-1)!.requestId)).code).toBe('limit_window');
    let signed = 0;
    for (const { requestId, intentId, edit } of asked) {
      const { code, refusal } = await told(requestId);
      if (code === null) {
        expect(edit.code).toBeNull();
        signed += 1;
        continue;
      }
      expect(code).toBe(edit.code ?? 'limit_window');
      expect(refusal).toEqual({ code, field: edit.field ?? null });
      expect(await inJournal(intentId)).toEqual([]);
    }
    expect(signed).toBeGreaterThan(0);
    const { tokens, wei } = await signedAway();
    const counted = await at.journalRows(
      'SELECT asset, sum(amount) AS amount FROM spend GROUP BY asset',
    );
    const sums = Object.fromEntries(
      counted.map(({ asset, amount }) => [asset, BigInt(String(amount))]),
    );
    expect(sums).toEqual({ [TOKENS]: tokens, [COIN]: wei });
  });
});
