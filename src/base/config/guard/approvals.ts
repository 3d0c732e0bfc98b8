import { createPublicKey, type KeyObject } from 'node:crypto';
import { readAddress } from '../assets.ts';
import { refuseRepeat } from '../chains.ts';
import { type Faults, shown } from '../faults.ts';
import type { ConfigFile } from '../schema/schema.ts';
import { isFaulty, type Loose } from '../shape.ts';
import type { AmountOf } from './amounts.ts';
import type { ApprovalSettings, ApproverSettings, Quorum, Requirement } from './settings.ts';

type SignerSection = Loose<NonNullable<ConfigFile['signer']>>;
type ApproverSection = Loose<NonNullable<NonNullable<ConfigFile['signer']>['approvers']>[number]>;

const EXPIRE_AFTER_SECONDS = 86_400;

/** Meaning of what the signer section says of approvals; it holds no secret, so every process reads it. */
export function readApprovals(
  section: SignerSection,
  amountOf: AmountOf,
  faults: Faults,
): ApprovalSettings {
  const webauthn = readWebauthn(section, faults);
  const approvers = readApprovers(section, webauthn !== null, faults);
  const groups = readGroups(section, approvers, faults);
  const thresholds = (section.approvals ?? []).map((one = {}, index) => {
    const path = `signer.approvals[${index}]`;
    return {
      ...amountOf(one.asset, one.above, path, 'above'),
      kind: one.kind ?? ('withdrawal' as const),
      requirement: readRequirement(one.requirement ?? {}, groups, `${path}.requirement`, faults),
    };
  });
  const seen = new Map<string, number>();
  thresholds.forEach(({ kind, asset, amount }, index) => {
    const at = asset === '' ? '' : `${kind} of ${asset} above ${amount}`;
    refuseRepeat(seen, at, index, `signer.approvals[${index}]`, 'signer.approvals', faults);
  });
  return {
    approvers,
    groups,
    thresholds: thresholds.map(({ kind, asset, amount, requirement }) => ({
      kind,
      asset,
      above: amount,
      requirement,
    })),
    webauthn,
    expireAfterMs: (section.approvalsExpireAfterSeconds ?? EXPIRE_AFTER_SECONDS) * 1000,
  };
}

function readApprovers(
  section: SignerSection,
  passkeys: boolean,
  faults: Faults,
): ApproverSettings[] {
  const ids = new Map<string, number>();
  const keys = new Map<string, number>();
  const initiators = new Map<string, number>();
  return (section.approvers ?? []).flatMap((one = {}, index) => {
    const path = `signer.approvers[${index}]`;
    refuseRepeat(ids, one.id ?? '', index, `${path}.id`, 'signer.approvers', faults);
    for (const id of one.initiators ?? []) {
      // Else what one of them asks for, the other could approve.
      refuseRepeat(initiators, id ?? '', index, `${path}.initiators`, 'signer.approvers', faults);
    }
    if (one.kind === 'webauthn' && !passkeys && !isFaulty(section, 'webauthn')) {
      faults.add(`${path}.kind`, shown(one.kind), 'passkeys where signer.webauthn is set');
    }
    const approver = readApprover(one, path, faults);
    if (approver === null) return [];
    const key = approver.kind === 'evm' ? approver.address : approver.publicKey;
    // One key under two names would be two of a quorum.
    refuseRepeat(
      keys,
      key,
      index,
      `${path}.${approver.kind === 'evm' ? 'address' : 'publicKey'}`,
      'signer.approvers',
      faults,
    );
    return [approver];
  });
}

function readApprover(one: ApproverSection, path: string, faults: Faults): ApproverSettings | null {
  const { id = '', kind } = one;
  if (kind === undefined) return null;
  const initiators = (one.initiators ?? []).flatMap((initiator) => initiator ?? []);
  const wanted = {
    ed25519: ['publicKey'],
    evm: ['address'],
    webauthn: ['publicKey', 'credentialId'],
  }[kind];
  for (const name of ['publicKey', 'address', 'credentialId'] as const) {
    if (isFaulty(one, name)) return null;
    const needed = wanted.includes(name);
    if ((one[name] !== undefined) !== needed) {
      faults.add(
        `${path}.${name}`,
        shown(one[name]),
        needed ? `a value, as ${kind} needs` : `nothing, since kind is ${kind}`,
      );
      return null;
    }
  }
  if (kind === 'evm') {
    return { id, initiators, kind, address: readAddress(one.address!, `${path}.address`, faults) };
  }
  const publicKey = readPublicKey(one.publicKey!, kind);
  if (publicKey === null) {
    const of = kind === 'ed25519' ? 'Ed25519' : 'P-256 or Ed25519';
    faults.add(
      `${path}.publicKey`,
      'no such key (not shown)',
      `a public ${of} key in PEM or base64`,
    );
    return null;
  }
  return kind === 'ed25519'
    ? { id, initiators, kind, publicKey }
    : { id, initiators, kind, publicKey, credentialId: one.credentialId! };
}

/** The SubjectPublicKeyInfo in base64; only a public key is taken. */
function readPublicKey(text: string, kind: 'ed25519' | 'webauthn'): string | null {
  try {
    const key = /^\s*-----BEGIN PUBLIC KEY-----/.test(text)
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    const fits = key.asymmetricKeyType === 'ed25519' || (kind === 'webauthn' && isP256(key));
    return fits ? key.export({ format: 'der', type: 'spki' }).toString('base64') : null;
  } catch {
    return null;
  }
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function readGroups(
  section: SignerSection,
  approvers: readonly ApproverSettings[],
  faults: Faults,
): ApprovalSettings['groups'] {
  const ids = new Map<string, number>();
  const known = (section.approvers ?? []).flatMap((one) => one?.id ?? []);
  return (section.groups ?? []).map((one = {}, index) => {
    const path = `signer.groups[${index}]`;
    refuseRepeat(ids, one.id ?? '', index, `${path}.id`, 'signer.groups', faults);
    const members = new Map<string, number>();
    (one.members ?? []).forEach((member = '', place) => {
      const at = `${path}.members[${place}]`;
      refuseRepeat(members, member, place, at, `${path}.members`, faults);
      if (member !== '' && !known.includes(member)) {
        faults.add(at, shown(member), `one of the approvers ${known.join(', ')}`);
      }
    });
    return {
      id: one.id ?? '',
      members: approvers.map(({ id }) => id).filter((id) => members.has(id)),
    };
  });
}

/** A quorum that a group can not give would stop every payment that needs it. */
function readRequirement(
  section: { all?: Section[] | undefined; any?: Section[] | undefined },
  groups: ApprovalSettings['groups'],
  path: string,
  faults: Faults,
): Requirement {
  const mode = section.all === undefined ? 'any' : 'all';
  const quorums = (section[mode] ?? []).map((one = {}, index): Quorum => {
    const at = `${path}.${mode}[${index}]`;
    const { group = '', count = 1 } = one;
    const found = groups.find(({ id }) => id === group);
    if (found === undefined && group !== '') {
      faults.add(
        `${at}.group`,
        shown(group),
        `one of signer.groups: ${groups.map(({ id }) => id).join(', ')}`,
      );
    } else if (found !== undefined && count > found.members.length) {
      faults.add(
        `${at}.count`,
        shown(count),
        `at most ${found.members.length}, as many as ${group} has`,
      );
    }
    return { group, count };
  });
  return mode === 'all' ? { all: quorums } : { any: quorums };
}

type Section = { group?: string | undefined; count?: number | undefined } | undefined;

function readWebauthn(section: SignerSection, faults: Faults): ApprovalSettings['webauthn'] {
  const { webauthn } = section;
  if (webauthn?.rpId === undefined || webauthn.origins === undefined) return null;
  const { rpId } = webauthn;
  const origins = webauthn.origins.flatMap((text, index) => {
    if (text === undefined) return [];
    const url = URL.canParse(text) ? new URL(text) : null;
    const within = url !== null && (url.hostname === rpId || url.hostname.endsWith(`.${rpId}`));
    const secure =
      url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost');
    if (url?.origin === text && within && secure) return [text];
    faults.add(
      `signer.webauthn.origins[${index}]`,
      shown(text),
      `an https origin of ${rpId} without a path`,
    );
    return [];
  });
  return { rpId, origins };
}
