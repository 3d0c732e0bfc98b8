import { keccak256, parseTransaction, recoverTransactionAddress } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { effectDigest, effectOf } from '../../base/effect/index.ts';
import { fromHex, type Hex, Transient, toHex } from '../../base/kernel/index.ts';
import { closingIntent } from './grammar.ts';
import { type Keystore, type SignerContext, signBatch, takeOverBatch } from './index.ts';
import {
  CHAIN,
  GWEI,
  type Installation,
  LANES,
  PAYEE,
  startInstallation,
  TOKEN,
} from './installation.fixture.ts';
import { NO_WATERMARK } from './orders.ts';

const ALL = { limit: 500, olderThanMs: 0 };

let home: Installation;
let started: Installation[];
async function installation(like?: Installation): Promise<Installation> {
  const made = await startInstallation(like);
  started.push(made);
  return made;
}

beforeEach(async () => {
  started = [];
  home = await installation();
});
afterEach(async () => {
  for (const each of started) await each.stop();
});

describe('signBatch', () => {
  it('signs a token transfer, a native transfer and a filler, each recovering to its lane', async () => {
    const token = await home.order({ key: 'a', nonce: 0 });
    const native = await home.order({ key: 'b', nonce: 0, token: null, amount: 7n, lane: 1 });
    const filler = await home.request(token.txId, { kind: 'filler' });
    const signer = home.signer('one');
    expect(await signBatch(signer, 500)).toEqual({
      claimed: 3,
      signed: 3,
      refused: 0,
      unfinished: [],
      owed: [],
    });

    const cases = [
      { id: token.requestId, from: LANES[0], wanted: { to: TOKEN, data: token.effect.data } },
      { id: native.requestId, from: LANES[1], wanted: { to: PAYEE, value: 7n } },
      { id: filler, from: LANES[0], wanted: { to: LANES[0], gas: 21_000n } },
    ];
    for (const { id, from, wanted } of cases) {
      const { raw, hash } = (await home.signature(id))!;
      expect(hash).toBe(keccak256(raw!));
      expect(parseTransaction(raw!)).toMatchObject({ chainId: CHAIN, ...wanted });
      const sender = await recoverTransactionAddress({ serializedTransaction: raw as never });
      expect(sender.toLowerCase()).toBe(from);
    }
    expect(
      await home.journalRows(
        'SELECT kind, max_spend FROM journal WHERE signed IS NOT NULL ORDER BY 1, 2',
      ),
    ).toEqual([
      { kind: 'effect', max_spend: String(60_000n * 10n * GWEI) },
      { kind: 'effect', max_spend: String(60_000n * 10n * GWEI + 7n) },
      // Of the slot's two signatures one is mined, and the effect is the dearer one.
      { kind: 'filler', max_spend: '0' },
    ]);
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
  });

  it('tells the collector', async () => {
    const told = new Promise<string>((resolve) => {
      home.owner.on('notification', ({ channel }) => resolve(channel));
    });
    await home.owner.query('LISTEN payonce_signature');
    await home.order({ key: 'a', nonce: 0 });
    await signBatch(home.signer('one'), 500);
    expect(await told).toBe('payonce_signature');
  });

  it('claims no more than its limit, oldest first', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1)
      ids.push((await home.order({ key: `k${n}`, nonce: n })).requestId);
    expect(await signBatch(home.signer('one'), 2)).toMatchObject({ claimed: 2, signed: 2 });
    const claims: (string | null)[] = [];
    for (const id of ids) claims.push(await home.claimedBy(id));
    expect(claims).toEqual(['one', 'one', null, null, null]);
  });

  it('never claims a cancelled order', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    await home.owner.query('UPDATE signature_request SET cancelled_at = now()');
    const signer = home.signer('one');
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    expect(
      await takeOverBatch(signer, { ...ALL, watermark: { floor: NO_WATERMARK } }),
    ).toMatchObject({ claimed: 0 });
    expect(await home.signature(requestId)).toBeNull();
  });

  it('leaves an effect past its expiry open, but not its filler nor a replacement', async () => {
    const late = await home.order({ key: 'late', nonce: 0, expires: '2001-01-01' });
    const signer = home.signer('one');
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    const filler = await home.request(late.txId, { kind: 'filler' });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
    expect(await home.signature(filler)).toMatchObject({ refusal: null });

    const sent = await home.order({ key: 'sent', nonce: 1, expires: '2999-01-01' });
    await signBatch(signer, 500);
    await home.owner.query(`UPDATE tx SET expires_at = '2001-01-01' WHERE tx_id = $1`, [sent.txId]);
    await home.request(sent.txId, { maxFeePerGas: 12n * GWEI });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
  });

  it('leaves the orders of a halted chain open until it goes on', async () => {
    await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    await home.owner.query(`UPDATE chain_head SET halted_reason = 'deep reorg'`);
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    await home.owner.query('UPDATE chain_head SET halted_reason = NULL');
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
  });

  it('signs a replacement of the same effect with other fees, also when the decision is gone', async () => {
    const { txId, requestId } = await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    const rules = { ...signer.rules, policyVersion: 'config:newer' };
    const bumped = await home.request(txId, { maxFeePerGas: 12n * GWEI });
    expect(await signBatch({ ...signer, rules }, 500)).toMatchObject({ signed: 1 });
    const [first, second] = [await home.signature(requestId), await home.signature(bumped)];
    expect(second!.hash).not.toBe(first!.hash);
    expect(parseTransaction(second!.raw!)).toMatchObject({
      nonce: 0,
      maxFeePerGas: 12n * GWEI,
    });
    expect(await home.journalRows('SELECT count(*)::int AS n FROM slot_binding')).toEqual([
      { n: 1 },
    ]);
  });

  it('counts further signatures of a slot at what they add to the dearest before them', async () => {
    const { txId } = await home.order({ key: 'a', nonce: 0, token: null, amount: 7n });
    const signer = home.signer('one');
    const further = [
      { maxFeePerGas: 12n * GWEI },
      { maxFeePerGas: 11n * GWEI },
      { kind: 'filler' as const, maxFeePerGas: 70n * GWEI },
      { maxFeePerGas: 15n * GWEI },
    ];
    await signBatch(signer, 500);
    for (const wanted of further) {
      await home.request(txId, wanted);
      expect(await signBatch(signer, 500)).toMatchObject({ signed: 1 });
    }
    const spent = await home.journalRows('SELECT max_spend FROM journal ORDER BY height');
    const gas = (units: bigint, gwei: bigint) => units * gwei * GWEI;
    expect(spent.map((row) => BigInt(row['max_spend'] as string))).toEqual([
      gas(60_000n, 10n) + 7n,
      gas(60_000n, 2n),
      0n,
      gas(21_000n, 70n) - gas(60_000n, 12n) - 7n,
      0n,
    ]);
  });

  it('signs a replacement of what expired since, and a filler whatever the fee of the effect was', async () => {
    const { txId } = await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    await home.owner.query(`UPDATE tx SET expires_at = now() - interval '1 second'`);
    const bumped = await home.request(txId, { maxFeePerGas: 50n * GWEI });
    expect(await signBatch(signer, 500)).toMatchObject({ signed: 1 });
    expect((await home.signature(bumped))!.refusal).toBeNull();
    // The effect bids the cap: its filler still fits by an eighth and more.
    for (const maxFeePerGas of [57n, 75n]) {
      const filler = await home.request(txId, {
        kind: 'filler',
        maxFeePerGas: maxFeePerGas * GWEI,
      });
      await signBatch(signer, 500);
      expect((await home.signature(filler))!.refusal).toBeNull();
    }
    const above = await home.request(txId, { kind: 'filler', maxFeePerGas: 76n * GWEI });
    await signBatch(signer, 500);
    expect((await home.signature(above))!.refusal).toBe('fee_above_cap');
  });
});

describe('a refusal', () => {
  it('is handed over with its code and noted in the journal, which binds nothing for it', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0, amount: 10n ** 15n });
    expect(await signBatch(home.signer('one'), 500)).toMatchObject({ signed: 0, refused: 1 });
    expect(await home.signature(requestId)).toEqual({
      raw: null,
      hash: null,
      refusal: 'tier_exceeded',
    });
    expect(await home.journalRows('SELECT signature_request_id, code FROM refusal')).toEqual([
      { signature_request_id: requestId, code: 'tier_exceeded' },
    ]);
    expect(
      await home.journalRows('SELECT 1 FROM slot_binding UNION ALL SELECT 1 FROM journal'),
    ).toEqual([]);
  });

  it('does not take its batch down', async () => {
    const bad = await home.order({ key: 'bad', nonce: 0, amount: 10n ** 15n });
    const good = await home.order({ key: 'good', nonce: 1 });
    expect(await signBatch(home.signer('one'), 500)).toMatchObject({ signed: 1, refused: 1 });
    expect((await home.signature(bad.requestId))!.refusal).toBe('tier_exceeded');
    expect((await home.signature(good.requestId))!.refusal).toBeNull();
  });

  it('meets a nonce that was given after a newer epoch began', async () => {
    const signer = home.signer('one');
    await home.order({ key: 'new', nonce: 1, epoch: 9 });
    await signBatch(signer, 500);
    const stale = await home.order({ key: 'old', nonce: 2, epoch: 8 });
    const late = await home.order({ key: 'late', nonce: 0, epoch: 8 });
    const other = await home.order({ key: 'lane', nonce: 0, lane: 1, epoch: 8 });
    expect(await signBatch(signer, 500)).toMatchObject({ signed: 2, refused: 1 });
    // Given while its lease held and signed late: it stands below all that came after.
    expect((await home.signature(late.requestId))!.refusal).toBeNull();
    expect((await home.signature(stale.requestId))!.refusal).toBe('lane_epoch_stale');
    expect((await home.signature(other.requestId))!.refusal).toBeNull();
    // The slot can still be closed by whoever comes next.
    const filler = await home.request(stale.txId, { kind: 'filler', epoch: 8 });
    await signBatch(signer, 500);
    expect((await home.signature(filler))!.refusal).toBeNull();
  });

  it('meets another effect of the intent on its own slot', async () => {
    const { txId } = await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    // What a hostile owner of the main database would do: other amount, digest to match.
    const other = effectOf({ token: TOKEN, recipient: PAYEE, amount: 6n });
    await home.owner.query('UPDATE tx SET amount = 6');
    await home.owner.query('UPDATE nonce_slot SET effect_digest = $1', [
      fromHex(effectDigest(CHAIN, LANES[0]!, other)),
    ]);
    const again = await home.request(txId);
    await signBatch(signer, 500);
    expect((await home.signature(again))!.refusal).toBe('effect_changed');
  });

  it('meets the same request with other content', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const { address } = home.signer('x').keystore;
    const dead: Keystore = {
      address,
      sign: () => Promise.reject(new Transient('the key is away')),
    };
    expect(await signBatch(home.signer('one', { keystore: dead }), 500)).toMatchObject({
      signed: 0,
    });
    await home.owner.query('UPDATE signature_request SET gas_limit = 70000');
    await takeOverBatch(home.signer('two'), { ...ALL, watermark: { floor: NO_WATERMARK } });
    expect((await home.signature(requestId))!.refusal).toBe('request_changed');
  });
});

describe('after a crash', () => {
  it('gives the same bytes when asked again, whatever the rules say by then', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    const before = await home.signature(requestId);
    // As if the signer had died between its journal and the main database.
    await home.owner.query('DELETE FROM signature');
    const rules = { ...signer.rules, policyVersion: 'config:newer', lanes: new Map() };
    const result = await takeOverBatch(home.signer('two', { rules }), {
      ...ALL,
      watermark: { floor: NO_WATERMARK },
    });
    expect(result).toMatchObject({ claimed: 1, signed: 1 });
    expect(await home.signature(requestId)).toEqual(before);
    expect(await home.claimedBy(requestId)).toBe('two');
    expect(await home.journalRows('SELECT count(*)::int AS n FROM journal')).toEqual([{ n: 1 }]);
  });

  it('signs the journaled bytes when the signer died before signing', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const alive = home.signer('two');
    const dead: Keystore = {
      address: alive.keystore.address,
      sign: () => Promise.reject(new Transient('the key is away')),
    };
    expect(await signBatch(home.signer('one', { keystore: dead }), 500)).toMatchObject({
      claimed: 1,
      signed: 0,
    });
    const [unsigned] = await home.journalRows('SELECT unsigned, signed FROM journal');
    expect(unsigned!['signed']).toBeNull();
    await takeOverBatch(alive, { ...ALL, watermark: { floor: NO_WATERMARK } });
    const { raw } = (await home.signature(requestId))!;
    // The signed bytes hold the journaled fields: from behind the longer list header to the signature.
    expect(raw).toContain((unsigned!['unsigned'] as Buffer).subarray(3).toString('hex'));
  });

  it('takes a claim over only when it is old enough, and never un-claims it', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    await home.owner.query(
      `UPDATE signature_request SET claimed_by = 'dead', claimed_at = now() - interval '29 seconds'`,
    );
    const signer = home.signer('two');
    const watermark = { floor: NO_WATERMARK };
    expect(await takeOverBatch(signer, { limit: 500, watermark })).toMatchObject({ claimed: 0 });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    await home.owner.query(
      `UPDATE signature_request SET claimed_at = now() - interval '31 seconds'`,
    );
    expect(await takeOverBatch(signer, { limit: 500, watermark })).toMatchObject({
      claimed: 1,
      signed: 1,
    });
    expect(await home.claimedBy(requestId)).toBe('two');
    expect(await takeOverBatch(signer, { ...ALL, watermark })).toMatchObject({ claimed: 0 });
  });

  it('raises its watermark past answered orders only', async () => {
    const at = (minutes: number) =>
      home.owner
        .query(`SELECT payonce_uuid_at(now() - $1 * interval '1 minute') AS id`, [minutes])
        .then(({ rows }) => rows[0].id as string);
    const first = await home.order({ key: 'a', nonce: 0 });
    const second = await home.order({ key: 'b', nonce: 1 });
    const [old, older] = [await at(10), await at(20)];
    const rename =
      'UPDATE signature_request SET signature_request_id = $2 WHERE signature_request_id = $1';
    await home.owner.query(rename, [first.requestId, older]);
    await home.owner.query(rename, [second.requestId, old]);
    const signer = home.signer('one');
    const watermark = { floor: NO_WATERMARK };
    await takeOverBatch(signer, { limit: 500, watermark });
    expect(watermark.floor).toBe(older);
    await signBatch(signer, 1);
    await takeOverBatch(signer, { limit: 500, watermark });
    expect(watermark.floor).toBe(old);
    await signBatch(signer, 1);
    await takeOverBatch(signer, { limit: 500, watermark });
    expect(watermark.floor > old).toBe(true);
    expect(watermark.floor <= (await at(2))).toBe(true);
  });
});

describe('a filler', () => {
  it('binds a slot whose effect was never signed, and only that effect may follow', async () => {
    const { txId, requestId, intentId: id } = await home.order({ key: 'a', nonce: 0 });
    await home.owner.query('UPDATE signature_request SET cancelled_at = now()');
    const filler = await home.request(txId, { kind: 'filler' });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    expect((await home.signature(filler))!.refusal).toBeNull();
    expect(await home.signature(requestId)).toBeNull();
    const [binding] = await home.journalRows('SELECT intent_id FROM slot_binding');
    expect(toHex(binding!['intent_id'] as Buffer)).toBe(id);
  });

  it('closes a slot whose effect was refused', async () => {
    const { txId } = await home.order({ key: 'a', nonce: 0, amount: 10n ** 15n });
    const signer = home.signer('one');
    await signBatch(signer, 500);
    const filler = await home.request(txId, { kind: 'filler', maxFeePerGas: 75n * GWEI });
    expect(await signBatch(signer, 500)).toMatchObject({ signed: 1 });
    expect(parseTransaction((await home.signature(filler))!.raw!)).toMatchObject({ to: LANES[0] });
  });
});

describe('the journal alone, for a signer that does not see that the main database is another', () => {
  it('can not have an intent signed on another slot, but closes that slot', async () => {
    const first = await home.order({ key: 'a', nonce: 0 });
    await signBatch(home.signer('one'), 500);
    expect((await home.signature(first.requestId))!.refusal).toBeNull();
    const restored = await installation(home);
    const again = await restored.order({ key: 'a', nonce: 1 });
    expect(again.intentId).toBe(first.intentId);
    const signer = restored.signer('two', { journalUrl: home.databases.signerUrl, blind: true });
    await signBatch(signer, 500);
    expect((await restored.signature(again.requestId))!.refusal).toBe('intent_on_another_slot');
    for (const fee of [10n, 12n]) {
      const filler = await restored.request(again.txId, {
        kind: 'filler',
        maxFeePerGas: fee * GWEI,
      });
      await signBatch(signer, 500);
      expect((await restored.signature(filler))!.refusal).toBeNull();
    }
    const closed = closingIntent({ chainId: CHAIN, from: LANES[0]!, nonce: 1n });
    const bindings = await home.journalRows(
      'SELECT nonce, intent_id FROM slot_binding ORDER BY nonce',
    );
    expect(bindings.map((row) => toHex(row['intent_id'] as Buffer))).toEqual([
      first.intentId,
      closed.intentId,
    ]);
  });

  it('has no entry of an intent that is bound to no slot', async () => {
    const { journal } = home.signer('one');
    const entry = journal.query(
      `INSERT INTO journal (signature_request_id, intent_id, kind, fingerprint, max_spend, lane_epoch, unsigned)
       VALUES (gen_random_uuid(), $1, 'effect', $1, 0, 0, '\\x01')`,
      [Buffer.alloc(32, 7)],
    );
    await expect(entry).rejects.toMatchObject({ code: '23503' });
  });

  it('can not have a used slot signed for another intent, not even its filler', async () => {
    await home.order({ key: 'a', nonce: 0 });
    await signBatch(home.signer('one'), 500);
    const restored = await installation(home);
    const other = await restored.order({ key: 'b', nonce: 0 });
    const filler = await restored.request(other.txId, { kind: 'filler' });
    const journalUrl = home.databases.signerUrl;
    await signBatch(restored.signer('two', { journalUrl, blind: true }), 500);
    expect((await restored.signature(other.requestId))!.refusal).toBe('slot_of_another_intent');
    expect((await restored.signature(filler))!.refusal).toBe('slot_of_another_intent');
  });
});

describe('two signers over one journal', () => {
  it('never give two effects on a slot, nor two slots to an intent', async () => {
    const SLOTS = 40;
    const restored = await installation(home);
    for (let n = 0; n < SLOTS; n += 1) {
      // Even: another intent on the same nonce. Odd: the same intents, on each other's nonces.
      await home.order({ key: n % 2 === 0 ? `home-${n}` : `both-${n}`, nonce: n });
      const swapped = n % 2 === 0 ? n : n % 4 === 1 ? n + 2 : n - 2;
      await restored.order({ key: n % 2 === 0 ? `restored-${n}` : `both-${swapped}`, nonce: n });
    }
    const one = home.signer('one', { blind: true });
    const two = restored.signer('two', { journalUrl: home.databases.signerUrl, blind: true });
    const drain = async (signer: SignerContext) => {
      while ((await signBatch(signer, 7)).claimed > 0);
    };
    await Promise.all([drain(one), drain(two)]);

    const given: { nonce: number; data: Hex | undefined; intent: string }[] = [];
    for (const at of [home, restored]) {
      const { rows } = await at.owner.query(
        `SELECT s.raw, t.idempotency_key FROM signature s JOIN signature_request USING (signature_request_id)
         JOIN tx t USING (tx_id) WHERE s.raw IS NOT NULL`,
      );
      for (const row of rows) {
        const { nonce = 0, data } = parseTransaction(toHex(row.raw));
        given.push({ nonce, data, intent: row.idempotency_key });
      }
    }
    expect(new Set(given.map(({ nonce }) => nonce)).size).toBe(given.length);
    expect(new Set(given.map(({ intent }) => intent)).size).toBe(given.length);
    expect(given.length).toBeGreaterThanOrEqual(SLOTS / 2);
  });

  it('share the orders of one main database without answering one twice', async () => {
    for (let n = 0; n < 30; n += 1) await home.order({ key: `k${n}`, nonce: n });
    const batches = await Promise.all(
      ['one', 'two', 'three'].map((name) => signBatch(home.signer(name), 30)),
    );
    const left = await signBatch(home.signer('four'), 30);
    expect([...batches, left].reduce((sum, { signed }) => sum + signed, 0)).toBe(30);
    const { rows } = await home.owner.query(
      'SELECT count(DISTINCT tx_hash)::int AS n FROM signature',
    );
    expect(rows[0].n).toBe(30);
  });

  it('hand out the same bytes when both work on one order', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    await home.owner.query(`UPDATE signature_request SET claimed_by = 'dead', claimed_at = now()`);
    const watermark = () => ({ floor: NO_WATERMARK });
    const [one, two] = [home.signer('one'), home.signer('two')];
    await Promise.all([
      takeOverBatch(one, { ...ALL, watermark: watermark() }),
      takeOverBatch(two, { ...ALL, watermark: watermark() }),
    ]);
    const [entry] = await home.journalRows('SELECT signed FROM journal');
    expect((await home.signature(requestId))!.raw).toBe(toHex(entry!['signed'] as Buffer));
  });
});
