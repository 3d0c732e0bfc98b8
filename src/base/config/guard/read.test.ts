import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readSettings } from '../read.ts';
import { walletGroupOf } from './groups.ts';

const TOKEN = `0x${'aa'.repeat(20)}`;
const LANES = [1, 2, 3].map((n) => `0x${String(n).repeat(40)}`);
const ed25519 = () => generateKeyPairSync('ed25519').publicKey;
const PEM = ed25519().export({ format: 'pem', type: 'spki' }) as string;
const DER = ed25519().export({ format: 'der', type: 'spki' }).toString('base64');
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const PASSKEY = P256.export({ format: 'der', type: 'spki' }).toString('base64');
const RSA = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const KEY_ID = '01890000-0000-7000-8000-000000000001';

const SIGNER = {
  approvers: [
    { id: 'alice', kind: 'ed25519', publicKey: PEM, initiators: [KEY_ID] },
    { id: 'bob', kind: 'evm', address: `0x${'bb'.repeat(20)}` },
    { id: 'carol', kind: 'webauthn', publicKey: PASSKEY, credentialId: 'abc_-' },
  ],
  groups: [{ id: 'finance', members: ['alice', 'bob', 'carol'] }],
  approvals: [
    { asset: 'USDC', above: '100', requirement: { all: [{ group: 'finance', count: 2 }] } },
  ],
  approvalsExpireAfterSeconds: 600,
  webauthn: { rpId: 'pay.example', origins: ['https://pay.example'] },
  walletGroups: [
    { id: 'hot', lanes: [lane(0), lane(1)] },
    { id: 'other', lanes: [lane(2)] },
  ],
};

function lane(n: number) {
  return { chain: 'base', address: LANES[n]! };
}

function read(signer: Record<string, unknown>) {
  const rpc = [{ url: 'http://127.0.0.1:1' }];
  const chain = { id: 'base', chainId: 8453, rpc, fees: { maxFeePerGasGwei: '50' } };
  const tiers = [{ name: 'all', commitAt: 'finalized' }];
  const asset = { id: 'USDC', chain: 'base', address: TOKEN, decimals: 6, tiers };
  const tenants = ['acme', 'acme', 'beta'];
  const lanes = LANES.map((_, n) => ({ ...lane(n), key: `k${n}`, tenant: tenants[n] }));
  const text = stringify({ chains: [chain], assets: [asset], lanes, signer });
  const env = { DATABASE_URL: 'postgres://u:p@h/d' };
  return readSettings({ text, env, need: { signer: false } });
}

function faultsOf(signer: Record<string, unknown>): string[] {
  try {
    read(signer);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

describe("the signer's own rules", () => {
  it('are read by every process, keys in one form and amounts in base units', () => {
    const { approvals, walletGroups } = read(SIGNER).guard;
    expect(approvals.approvers).toEqual([
      expect.objectContaining({ id: 'alice', kind: 'ed25519', initiators: [KEY_ID] }),
      { id: 'bob', initiators: [], kind: 'evm', address: `0x${'bb'.repeat(20)}` },
      {
        ...{ id: 'carol', initiators: [], kind: 'webauthn' },
        ...{ publicKey: PASSKEY, credentialId: 'abc_-' },
      },
    ]);
    expect(approvals.thresholds).toEqual([
      {
        kind: 'withdrawal',
        asset: `eip155:8453/erc20:${TOKEN}`,
        above: 100_000_000n,
        requirement: { all: [{ group: 'finance', count: 2 }] },
      },
    ]);
    expect(approvals.expireAfterMs).toBe(600_000);
    expect(walletGroups.map(({ id, lanes }) => [id, lanes.length])).toEqual([
      ['hot', 2],
      ['other', 1],
    ]);
  });

  it('make a group of the wallets of each tenant unless they are listed', () => {
    const { walletGroups } = read({}).guard;
    expect(walletGroups.map(({ id, lanes }) => [id, lanes.length])).toEqual([
      ['acme', 2],
      ['beta', 1],
    ]);
  });

  it('tell the group that makes the payments of a tenant on a chain', () => {
    const settings = read(SIGNER);
    expect(walletGroupOf(settings, { tenant: 'acme', chainId: 8453 })).toBe('hot');
    expect(walletGroupOf(settings, { tenant: 'beta', chainId: 8453 })).toBe('other');
    expect(walletGroupOf(settings, { tenant: 'acme', chainId: 1 })).toBeNull();
  });

  it('limit what leaves, of tokens by their ids and of the coin by its CAIP-19 id', () => {
    const limits = [
      { walletGroup: 'hot', asset: 'USDC', windows: [{ seconds: 3600, amount: '100' }] },
      { walletGroup: 'hot', asset: 'eip155:8453/slip44:60', perTransaction: '0.5' },
    ];
    expect(read({ ...SIGNER, limits }).guard.limits).toEqual([
      {
        ...{ walletGroup: 'hot', asset: `eip155:8453/erc20:${TOKEN}`, perTransaction: null },
        windows: [{ ms: 3_600_000, amount: 100_000_000n }],
      },
      {
        ...{ walletGroup: 'hot', asset: 'eip155:8453/slip44:60' },
        ...{ perTransaction: 5n * 10n ** 17n, windows: [] },
      },
    ]);
  });

  const limit = (one: object) => ({
    ...SIGNER,
    limits: [{ walletGroup: 'hot', asset: 'USDC', perTransaction: '1', ...one }],
  });
  const [alice, bob, carol] = SIGNER.approvers;
  const approver = (one: object) => ({ ...SIGNER, approvers: [one, bob, carol] });
  const threshold = (one: object) => ({
    ...SIGNER,
    approvals: [{ ...SIGNER.approvals[0], ...one }],
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'two approvers of one name',
      { ...SIGNER, approvers: [...SIGNER.approvers, { ...alice, publicKey: DER, initiators: [] }] },
      'signer.approvers[3].id: found "alice", which signer.approvers[0] has; allowed: a value of its own',
    ],
    [
      'one key of two approvers',
      {
        ...SIGNER,
        approvers: [...SIGNER.approvers, { id: 'dave', kind: 'ed25519', publicKey: PEM }],
      },
      'signer.approvers[3].publicKey: found',
    ],
    [
      'one person under two names',
      {
        ...SIGNER,
        approvers: [...SIGNER.approvers, { ...alice, id: 'dave', publicKey: DER }],
      },
      `signer.approvers[3].initiators: found "${KEY_ID}", which signer.approvers[0] has; allowed: a value of its own`,
    ],
    [
      'an approver without a key',
      approver({ id: 'alice', kind: 'ed25519' }),
      'signer.approvers[0].publicKey: found nothing; allowed: a value, as ed25519 needs',
    ],
    [
      'an address where a key belongs',
      approver({ ...alice, address: TOKEN }),
      `signer.approvers[0].address: found "${TOKEN}"; allowed: nothing, since kind is ed25519`,
    ],
    [
      'a key of another kind',
      approver({ id: 'alice', kind: 'ed25519', publicKey: PASSKEY }),
      'signer.approvers[0].publicKey: found no such key (not shown); allowed: a public Ed25519 key in PEM or base64',
    ],
    [
      'an RSA key',
      approver({
        id: 'alice',
        kind: 'webauthn',
        credentialId: 'a',
        publicKey: RSA.export({ format: 'pem', type: 'spki' }),
      }),
      'signer.approvers[0].publicKey: found no such key (not shown); allowed: a public P-256 or Ed25519 key in PEM or base64',
    ],
    [
      'a passkey without a relying party',
      { ...SIGNER, webauthn: undefined },
      'signer.approvers[2].kind: found "webauthn"; allowed: passkeys where signer.webauthn is set',
    ],
    [
      'an origin of somebody else',
      { ...SIGNER, webauthn: { rpId: 'pay.example', origins: ['https://evil.example'] } },
      'signer.webauthn.origins[0]: found "https://evil.example"; allowed: an https origin of pay.example without a path',
    ],
    [
      'a member that nobody is',
      { ...SIGNER, groups: [{ id: 'finance', members: ['alice', 'bob', 'eve'] }] },
      'signer.groups[0].members[2]: found "eve"; allowed: one of the approvers alice, bob, carol',
    ],
    [
      'a member twice',
      { ...SIGNER, groups: [{ id: 'finance', members: ['alice', 'bob', 'alice'] }] },
      'signer.groups[0].members[2]: found "alice", which signer.groups[0].members[0] has; allowed: a value of its own',
    ],
    [
      'a quorum that the group can not give',
      threshold({ requirement: { any: [{ group: 'finance', count: 4 }] } }),
      'signer.approvals[0].requirement.any[0].count: found the number 4; allowed: at most 3, as many as finance has',
    ],
    [
      'a group that is none',
      threshold({ requirement: { all: [{ group: 'gone', count: 1 }] } }),
      'signer.approvals[0].requirement.all[0].group: found "gone"; allowed: one of signer.groups: finance',
    ],
    [
      'all and any at once',
      threshold({
        requirement: {
          all: [{ group: 'finance', count: 1 }],
          any: [{ group: 'finance', count: 1 }],
        },
      }),
      'signer.approvals[0].requirement: found all, any; allowed: { all: […] } or { any: […] } of { group, count }',
    ],
    [
      'a threshold of an unknown asset',
      threshold({ asset: 'EURC' }),
      'signer.approvals[0].asset: found "EURC"; allowed: one of the assets USDC, or a native coin',
    ],
    [
      'a threshold that is no amount',
      threshold({ above: '-1' }),
      'signer.approvals[0].above: found "-1"; allowed: a decimal string with at most 6 decimals',
    ],
    [
      'a threshold twice',
      { ...SIGNER, approvals: [SIGNER.approvals[0], SIGNER.approvals[0]] },
      'signer.approvals[1]: found',
    ],
    [
      'a wallet that is in no group',
      { ...SIGNER, walletGroups: [{ id: 'hot', lanes: [lane(0), lane(1)] }] },
      `signer.walletGroups: found no group with ${LANES[2]} on base; allowed: every wallet in one group`,
    ],
    [
      'a wallet that is in two groups',
      { ...SIGNER, walletGroups: [...SIGNER.walletGroups, { id: 'third', lanes: [lane(0)] }] },
      `signer.walletGroups[2].lanes[0]: found "${LANES[0]}, which hot has"; allowed: a wallet of one group`,
    ],
    [
      'lanes of one tenant in two groups',
      {
        ...SIGNER,
        walletGroups: [
          { id: 'hot', lanes: [lane(0)] },
          { id: 'other', lanes: [lane(1), lane(2)] },
        ],
      },
      'signer.walletGroups: found acme on base in hot and in other; allowed: one group, since any of its lanes may pay',
    ],
    [
      'a limit of a group that is none',
      limit({ walletGroup: 'gone' }),
      'signer.limits[0].walletGroup: found "gone"; allowed: one of the groups hot, other',
    ],
    [
      'a limit of nothing',
      limit({ perTransaction: undefined }),
      'signer.limits[0]: found no limit; allowed: perTransaction, windows, or both',
    ],
    [
      'a limit that is no amount',
      limit({ windows: [{ seconds: 60, amount: '1.0000001' }] }),
      'signer.limits[0].windows[0].amount: found "1.0000001"; allowed: a decimal string with at most 6 decimals',
    ],
    [
      'a window of seconds',
      limit({ windows: [{ seconds: 1, amount: '1' }] }),
      'signer.limits[0].windows[0].seconds: found the number 1; allowed: a whole number from 60 to 31622400 seconds',
    ],
    [
      'a limit twice',
      { ...SIGNER, limits: [limit({}).limits[0], limit({}).limits[0]] },
      'signer.limits[1]: found',
    ],
    [
      'a wallet that is none',
      {
        ...SIGNER,
        walletGroups: [
          ...SIGNER.walletGroups,
          { id: 'third', lanes: [{ chain: 'base', address: TOKEN }] },
        ],
      },
      `signer.walletGroups[2].lanes[0]: found "${TOKEN} on base"; allowed: a wallet of lanes or treasury`,
    ],
  ])('refuse %s', (_, signer, fault) => {
    const faults = faultsOf(signer);
    expect(faults.map((line) => line.slice(0, fault.length))).toEqual([fault]);
  });
});
