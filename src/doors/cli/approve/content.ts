import {
  type ApprovalContent,
  approvalDigest,
  authorizationDigest,
  intentId,
} from '../../../base/effect/index.ts';
import { caip19, type Hex, parseAddress } from '../../../base/kernel/index.ts';

type Kind = 'withdrawal' | 'payment';
type Read = { content: ApprovalContent; digest: Hex; kind: Kind; id: string };

/**
 * What a request for approval asks to be signed, computed here from its own fields and nothing else. Throws Error
 * naming the first thing that is not as the server says: then it is not what it seems, and nothing is signed.
 */
export function readRequest(request: unknown, now: number): Read {
  const view = objectOf(request, 'the request');
  const fields = objectOf(view['content'], 'content');
  const intent = objectOf(view['intent'], 'intent');
  const content: ApprovalContent = {
    chainId: whole(fields, 'chainId'),
    walletGroup: text(fields, 'walletGroup'),
    asset: text(fields, 'asset'),
    to: address(fields, 'to'),
    amount: units(fields, 'amount'),
    feeCap: units(fields, 'feeCap'),
    intentId: text(fields, 'intentId') as Hex,
    policyVersion: text(fields, 'policyVersion'),
    initiator: text(fields, 'initiator'),
    expiry: whole(fields, 'expiry'),
  };
  const kind = view['paymentId'] ? 'payment' : 'withdrawal';
  same(
    'intentId',
    content.intentId,
    kind === 'payment' ? ofPayment(content, intent) : ofWithdrawal(intent),
  );
  const digest = approvalDigest(content);
  same('digest', text(view, 'digest'), digest);
  if (!content.asset.startsWith(`eip155:${content.chainId}/`)) {
    throw new Error(`the asset ${content.asset} is not of chain ${content.chainId}`);
  }
  if (content.expiry * 1000 <= now) throw new Error('the time for approvals is over');
  return { content, digest, kind, id: text(view, `${kind}Id`) };
}

function ofWithdrawal(intent: Section): Hex {
  return intentId({
    installationId: text(intent, 'installationId'),
    tenantId: text(intent, 'tenantId'),
    operation: text(intent, 'operation'),
    idempotencyKey: text(intent, 'idempotencyKey'),
  });
}

/** Its payer and its token are what it says that they are: the nonce's keeper knows the authorization by them alone. */
function ofPayment({ chainId, asset, initiator }: ApprovalContent, intent: Section): Hex {
  const [token, payer] = [address(intent, 'token'), address(intent, 'payer')];
  same('the asset', asset, caip19(chainId, token));
  same('the initiator', initiator, payer);
  const nonce = text(intent, 'nonce');
  if (!/^0x[0-9a-f]{64}$/.test(nonce)) throw new Error('nonce is no 32 bytes in 0x-hex');
  const method = text(intent, 'assetTransferMethod');
  if (method !== 'eip3009' && method !== 'permit2') throw new Error(`${method} is no way to pay`);
  return authorizationDigest({ method, chainId, token, payer, nonce: nonce as Hex });
}

/** What is signed, in lines for a person; amounts in base units, which is what counts. */
export function tellContent({ content, digest, kind, id }: Read): string {
  const wallets = `a wallet of ${content.walletGroup}`;
  const from: [string, string][] =
    kind === 'payment'
      ? [
          ['from', content.initiator],
          ['gas from', wallets],
        ]
      : [['from', wallets]];
  const lines: [string, string][] = [
    [kind, id],
    ['chain', String(content.chainId)],
    ['asset', content.asset],
    ['amount', `${content.amount} base units`],
    ['to', content.to],
    ...from,
    ['fee', `at most ${content.feeCap} wei`],
    ['asked by', content.initiator],
    ['policy', content.policyVersion],
    ['until', new Date(content.expiry * 1000).toISOString()],
    ['intent', content.intentId],
    ['digest', digest],
  ];
  return lines.map(([name, value]) => `${name.padEnd(11)} ${value}\n`).join('');
}

function same(name: string, said: string, own: string): void {
  if (said !== own)
    throw new Error(`the server says that ${name} is ${said}; from its parts it is ${own}`);
}

type Section = Record<string, unknown>;

function objectOf(value: unknown, name: string): Section {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Section;
  throw new Error(`${name} is missing`);
}

function text(section: Section, name: string): string {
  const value = section[name];
  // Shown to a person: nothing in it may move what stands beside it.
  if (typeof value === 'string' && /^[\x20-\x7e]{1,512}$/.test(value)) return value;
  throw new Error(`${name} is no plain text`);
}

function whole(section: Section, name: string): number {
  const value = section[name];
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new Error(`${name} is no whole number`);
}

function units(section: Section, name: string): bigint {
  const value = text(section, name);
  if (/^(0|[1-9]\d{0,77})$/.test(value)) return BigInt(value);
  throw new Error(`${name} is no amount`);
}

function address(section: Section, name: string): Hex {
  const value = parseAddress(text(section, name));
  if (value !== 'syntax' && value !== 'checksum') return value;
  throw new Error(`${name} is no address`);
}
