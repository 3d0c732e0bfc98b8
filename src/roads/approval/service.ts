import type { Settings } from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import { approvalTypedData } from '../../base/effect/index.ts';
import {
  checksummed,
  formatAmount,
  fromHex,
  isRefusal,
  isUuid,
  parseForm,
  type Refusal,
  refuse,
} from '../../base/kernel/index.ts';
import {
  type ApprovalOwner,
  type ApprovalRequest,
  countedOf,
  giveApproval,
  listPendingApprovals,
  type Proof,
  readApprovalRequests,
  rejectApproval,
  tallyOf,
} from '../../books/approval/index.ts';

/** What an intent id is the hash of. `token` is the payment's, which its asset names, and `payer` its initiator. */
type IntentParts =
  | { installationId: string; tenantId: string; operation: string; idempotencyKey: string }
  | {
      operation: 'payment';
      assetTransferMethod: 'eip3009' | 'permit2';
      token: string;
      payer: string;
      nonce: string;
    };

/** What approvers are asked, as JSON. Whoever signs computes digest and intent id by itself from the rest. */
export type ApprovalView = {
  /** One of the two: what is asked about. */
  withdrawalId: string | null;
  paymentId: string | null;
  status: string;
  /** The digest's parts; amounts in base units and wei, expiry in seconds, as they are signed. */
  content: Record<string, string | number>;
  /** In words: the asset's own name and the amount in its unit; decimals are null where the asset is not configured. */
  shown: {
    asset: string;
    decimals: number | null;
    amount: string;
    to: string;
    feeCap: string;
    expiresAt: string;
  };
  intent: IntentParts;
  digest: string;
  typedData: unknown;
  requirements: unknown;
  required: number;
  given: number;
  approvals: { approver: string; at: string }[];
  /** Those of the approvers that sign by passkey. */
  passkeys: { approver: string; credentialId: string }[];
  rejection: { by: string; reason: string; at: string } | null;
  createdAt: string;
};

const NONE = refuse('not_found', 'Nobody was asked to approve such a withdrawal or payment.');

type ApprovalContext = {
  db: Db;
  settings: Pick<Settings, 'guard' | 'assets'>;
  /** Of those that there are, by id; each road knows its own. */
  intents: Readonly<
    Record<ApprovalOwner, (sql: Db, ids: readonly string[]) => Promise<Map<string, IntentParts>>>
  >;
};

/** What persons do about withdrawals and payments that wait for them. */
export class ApprovalService {
  readonly #db: Db;
  readonly #settings: ApprovalContext['settings'];
  readonly #intents: ApprovalContext['intents'];

  constructor({ db, settings, intents }: ApprovalContext) {
    this.#db = db;
    this.#settings = settings;
    this.#intents = intents;
  }

  async list(
    tenantId: string,
    page: { limit: number; before: string | null },
  ): Promise<{ id: string; view: ApprovalView }[]> {
    const requests = await listPendingApprovals(this.#db, tenantId, page);
    const views = await this.#views(requests);
    return requests.map(({ requestId }, index) => ({ id: requestId, view: views[index]! }));
  }

  async get(tenantId: string, ownerId: string): Promise<ApprovalView | null> {
    if (!isUuid(ownerId)) return null;
    const request = (await readApprovalRequests(this.#db, [ownerId])).get(ownerId);
    if (request?.tenantId !== tenantId) return null;
    return (await this.#views([request]))[0]!;
  }

  async approve(tenantId: string, ownerId: string, body: unknown): Promise<ApprovalView | Refusal> {
    const approval = readApproval(body);
    if (isRefusal(approval)) return approval;
    if (!isUuid(ownerId)) return NONE;
    const { approvals } = this.#settings.guard;
    const asked = { tenantId, ownerId, approval };
    return this.#told(await giveApproval(this.#db, approvals, asked));
  }

  async reject(
    tenantId: string,
    ownerId: string,
    { body, by }: { body: unknown; by: string },
  ): Promise<ApprovalView | Refusal> {
    const form = parseForm(body, new Set(['reason']), (fields) => {
      const reason = fields.label('reason');
      return reason === null ? null : { reason };
    });
    if (isRefusal(form)) return form;
    if (!isUuid(ownerId)) return NONE;
    const said = { tenantId, ownerId, by, reason: form.reason };
    return this.#told(await rejectApproval(this.#db, said));
  }

  async #told(request: ApprovalRequest | Refusal): Promise<ApprovalView | Refusal> {
    return isRefusal(request) ? request : (await this.#views([request]))[0]!;
  }

  async #views(requests: readonly ApprovalRequest[]): Promise<ApprovalView[]> {
    const of = async (kind: ApprovalOwner) => {
      const ids = requests.flatMap((one) => (one.ownerKind === kind ? one.ownerId : []));
      return ids.length === 0 ? [] : this.#intents[kind](this.#db, ids);
    };
    const intents = new Map([...(await of('withdrawal')), ...(await of('payment'))]);
    return requests.map((request) => this.#view(request, intents.get(request.ownerId)!));
  }

  #view(request: ApprovalRequest, intent: IntentParts): ApprovalView {
    const { ownerKind, ownerId, content, approvals, requirements, rejection } = request;
    const { groups, approvers } = this.#settings.guard.approvals;
    const asset = this.#settings.assets.find(({ caip19 }) => caip19 === content.asset);
    // What was decided is shown as it was.
    const counting =
      request.status === 'PENDING'
        ? countedOf(this.#settings.guard.approvals, request)
        : approvals.map(({ approverId }) => approverId);
    const { required, given } = tallyOf(requirements, groups, counting);
    return {
      withdrawalId: ownerKind === 'withdrawal' ? ownerId : null,
      paymentId: ownerKind === 'payment' ? ownerId : null,
      status: request.status,
      content: {
        ...content,
        amount: content.amount.toString(),
        feeCap: content.feeCap.toString(),
      },
      shown: {
        asset: asset?.id ?? content.asset,
        decimals: asset?.decimals ?? null,
        amount: formatAmount(content.amount, asset?.decimals ?? 0),
        to: checksummed(content.to),
        feeCap: formatAmount(content.feeCap, 18),
        expiresAt: new Date(content.expiry * 1000).toISOString(),
      },
      intent,
      digest: request.digest,
      typedData: approvalTypedData(content),
      requirements,
      required,
      given,
      approvals: approvals.map(({ approverId, at }) => ({
        approver: approverId,
        at: at.toISOString(),
      })),
      passkeys: approvers.flatMap((one) =>
        one.kind === 'webauthn' ? [{ approver: one.id, credentialId: one.credentialId }] : [],
      ),
      rejection: rejection && { ...rejection, at: rejection.at.toISOString() },
      createdAt: request.createdAt.toISOString(),
    };
  }
}

const FIELDS = new Set(['approver', 'signature', 'authenticatorData', 'clientDataJSON']);
const BASE64URL = /^(?!0x)[A-Za-z0-9_-]{1,8192}$/;
/** Bytes; what is longer could not be kept. */
const MOST_SIGNATURE = 512;
const MOST_OF_PASSKEY = 4_096;

/** A signature in 0x-hex or base64url; a passkey's has two parts beside it, as browsers give them. */
function readApproval(body: unknown): { approverId: string; proof: Proof } | Refusal {
  return parseForm(body, FIELDS, (fields) => {
    const approverId = fields.label('approver');
    const bytes = (name: string, { most, optional }: { most: number; optional: boolean }) => {
      const expected = `0x-hex or base64url of at most ${most} bytes`;
      return fields.text(name, { code: 'invalid_request', expected, optional }, (text) => {
        const read = bytesOf(text);
        return read !== undefined && read.length <= most ? read : undefined;
      });
    };
    const signature = bytes('signature', { most: MOST_SIGNATURE, optional: false });
    const authenticatorData = bytes('authenticatorData', { most: MOST_OF_PASSKEY, optional: true });
    const clientData = bytes('clientDataJSON', { most: MOST_OF_PASSKEY, optional: true });
    if ((authenticatorData === null) !== (clientData === null)) {
      const missing = clientData === null ? 'clientDataJSON' : 'authenticatorData';
      fields.fault(missing, 'invalid_request', undefined, "both parts of a passkey's answer");
      return null;
    }
    if (approverId === null || signature === null) return null;
    const passkey =
      authenticatorData === null || clientData === null ? null : { authenticatorData, clientData };
    return { approverId, proof: { signature, passkey } };
  });
}

function bytesOf(text: string): Buffer | undefined {
  if (/^0x([0-9a-fA-F]{2}){1,4096}$/.test(text)) return fromHex(text);
  return BASE64URL.test(text) ? Buffer.from(text, 'base64url') : undefined;
}
