/** What a request for approval asks to be signed, read with distrust: text of the server's is checked or recomputed. */
import { approvalDigest, authorizationId, checksummed, intentId, toHex } from './digest.js';

/**
 * Throws Error naming the first thing that is not as the server says; nothing of such a request is signed. `now` in
 * milliseconds. The digest is the 32 bytes that a passkey signs.
 */
export function readRequest(view, now) {
  const fields = objectOf(view?.content, 'content');
  const intent = objectOf(view.intent, 'intent');
  const content = {
    chainId: whole(fields, 'chainId'),
    walletGroup: text(fields, 'walletGroup'),
    asset: text(fields, 'asset'),
    to: hex(fields, 'to', 20),
    amount: units(fields, 'amount'),
    feeCap: units(fields, 'feeCap'),
    intentId: hex(fields, 'intentId', 32),
    policyVersion: text(fields, 'policyVersion'),
    initiator: text(fields, 'initiator'),
    expiry: whole(fields, 'expiry'),
  };
  const kind = view.paymentId ? 'payment' : 'withdrawal';
  same(
    'intentId',
    content.intentId,
    kind === 'payment' ? ofPayment(content, intent) : ofWithdrawal(intent),
  );
  const digest = approvalDigest(content);
  same('digest', text(view, 'digest'), toHex(digest));
  if (!content.asset.startsWith(`eip155:${content.chainId}/`)) {
    throw new Error(`the asset ${content.asset} is not of chain ${content.chainId}`);
  }
  if (content.expiry * 1000 <= now) throw new Error('the time for approvals is over');
  return { content, digest, kind, id: text(view, `${kind}Id`) };
}

function ofWithdrawal(intent) {
  return intentId({
    installationId: text(intent, 'installationId'),
    tenantId: text(intent, 'tenantId'),
    operation: text(intent, 'operation'),
    idempotencyKey: text(intent, 'idempotencyKey'),
  });
}

/** Its payer and its token are those that are signed. */
function ofPayment({ chainId, asset, initiator }, intent) {
  const [token, payer] = [hex(intent, 'token', 20), hex(intent, 'payer', 20)];
  same('the asset', asset, `eip155:${chainId}/erc20:${token}`);
  same('the initiator', initiator, payer);
  const assetTransferMethod = text(intent, 'assetTransferMethod');
  if (!['eip3009', 'permit2'].includes(assetTransferMethod)) {
    throw new Error(`${assetTransferMethod} is no way to pay`);
  }
  const nonce = hex(intent, 'nonce', 32);
  return authorizationId({ assetTransferMethod, chainId, token, payer, nonce });
}

/** For a person, in the order of what matters. Only what a token is called and how it is divided is the server's word. */
export function tellRequest({ content, digest, kind, id }, shown) {
  const byPayer = kind === 'payment';
  return [
    ['Pays', amountOf(content, shown)],
    ['To', checksummed(content.to)],
    ['Asset', content.asset],
    ['Chain', String(content.chainId)],
    ['From', byPayer ? checksummed(content.initiator) : `a wallet of ${content.walletGroup}`],
    ...(byPayer ? [['Gas from', `a wallet of ${content.walletGroup}`]] : []),
    ['Fee', `at most ${inUnits(content.feeCap, 18)} of the native coin (${content.feeCap} wei)`],
    ['Until', new Date(content.expiry * 1000).toISOString()],
    ['Policy', content.policyVersion],
    ['Asked by', byPayer ? 'its payer' : content.initiator],
    [byPayer ? 'Payment' : 'Withdrawal', `${id} (not signed)`],
    ['Intent', content.intentId],
    ['Digest', toHex(digest)],
  ];
}

function amountOf({ asset, amount }, shown) {
  if (asset.endsWith('/slip44:60')) {
    return `${inUnits(amount, 18)} of the native coin (signed: ${amount} wei)`;
  }
  const signed = `signed: ${amount} base units`;
  const { decimals, asset: name } = shown ?? {};
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 77) return `(${signed})`;
  return `${inUnits(amount, decimals)} ${plain(name) ? name : '?'} (${signed}; the server says that the token has ${decimals} decimals)`;
}

function inUnits(amount, decimals) {
  const digits = String(amount).padStart(decimals + 1, '0');
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  const units = digits.slice(0, digits.length - decimals);
  return decimals === 0 || fraction === '' ? units : `${units}.${fraction}`;
}

function same(name, said, own) {
  if (said !== own) {
    throw new Error(`the server says that ${name} is ${said}; from its parts it is ${own}`);
  }
}

function objectOf(value, name) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Error(`${name} is missing`);
}

/** Shown to a person: nothing in it may move what stands beside it. */
const plain = (value) => typeof value === 'string' && /^[\x20-\x7e]{1,512}$/.test(value);

function text(section, name) {
  const value = section[name];
  if (plain(value)) return value;
  throw new Error(`${name} is no plain text`);
}

function whole(section, name) {
  const value = section[name];
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${name} is no whole number`);
}

function units(section, name) {
  const value = text(section, name);
  if (/^(0|[1-9]\d{0,77})$/.test(value) && BigInt(value) < 1n << 256n) return BigInt(value);
  throw new Error(`${name} is no amount`);
}

function hex(section, name, bytes) {
  const value = text(section, name);
  if (value.length === 2 + 2 * bytes && /^0x[0-9a-f]*$/.test(value)) return value;
  throw new Error(`${name} is not 0x and ${2 * bytes} hex digits in lower case`);
}
