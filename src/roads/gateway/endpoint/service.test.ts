import { describe, expect, it } from 'vitest';
import { readEndpoint } from './rows.ts';
import { good, HOUR, OTHER, shopPrices } from './shop.fixture.ts';

const { at, asked, body, by, merchantId, pass, put, remove, serviceWith, told, veto } =
  shopPrices();

describe('a price that loosens', () => {
  it('waits, seen and told, while the old one is asked; then it is in force by the clock alone', async () => {
    const first = await put({}, 0);
    const lower = await put({ price: '0.40' });
    expect(lower).toMatchObject({
      ...{ id: first.id, status: 'in_force', price: '0.5' },
      pending: { terms: { price: '0.4' } },
    });
    const wait = Date.parse(lower.pending!.effectiveAt) - Date.parse(first.effectiveAt);
    expect(wait).toBeGreaterThanOrEqual(HOUR);
    expect(await serviceWith(HOUR).list(by())).toEqual([lower]);
    expect(await asked()).toEqual([['/weather', 500_000n]]);
    const [event] = await at().rows<{ data: { loosens: string[]; pending: object } }>(
      `SELECT data FROM event WHERE type = 'endpoint.scheduled' AND subject_id = $1`,
      [first.id],
    );
    expect(event!.data).toMatchObject({ loosens: ['price'], pending: lower.pending });
    await pass();
    expect(await asked()).toEqual([['/weather', 400_000n]]);
    expect(await serviceWith(HOUR).list(by())).toMatchObject([
      { id: first.id, price: '0.4', pending: null },
    ]);
  });

  it.each([
    [{ payTo: OTHER }, 'payTo'],
    [{ upstream: 'https://thief.example/' }, 'upstream'],
    [{ assetTransferMethod: 'permit2' }, 'assetTransferMethod'],
    [{ onFailure: 'retry' }, 'onFailure'],
    [{ price: '0.60', upstream: 'https://thief.example/' }, 'upstream'],
  ])('by %j leaves its path as it was', async (over, field) => {
    const was = await put({}, 0);
    const left = await put(over);
    expect(left).toEqual({ ...was, pending: left.pending });
    const terms = left.pending!.terms as unknown as Record<string, unknown>;
    expect(terms[field]).toBe((over as Record<string, unknown>)[field]);
  });

  it('on a path that nobody sold is asked of nobody until then', async () => {
    const made = await put({});
    expect([made.status, made.pending]).toEqual(['scheduled', null]);
    expect(await asked()).toEqual([]);
    await pass();
    expect(await asked()).toEqual([['/weather', 500_000n]]);
  });

  it('is in force at once where the installation sets no delay', async () => {
    await put({}, 0);
    expect(await put({ price: '0.40' }, 0)).toMatchObject({ price: '0.4', pending: null });
    expect(await asked()).toEqual([['/weather', 400_000n]]);
  });

  it('can not be had at once by taking the old one away, nor below a wider path', async () => {
    const { id } = await put({}, 0);
    expect(await good(remove(id))).toMatchObject({ status: 'removed' });
    expect(await put({ price: '0.40' })).toMatchObject({ id, status: 'scheduled' });
    expect(await asked()).toEqual([]);
    await put({ path: '/*', price: '0.70' }, 0);
    await put({ path: '/seoul', price: '0.60' });
    await put({ path: '/seoul/*', price: '0.80' });
    expect(await asked()).toEqual([['/*', 700_000n]]);
  });
});

describe('a price that tightens', () => {
  it('is in force at once, and ends what waits', async () => {
    const { id } = await put({}, 0);
    await put({ price: '0.40' });
    expect(await put({ price: '0.60' })).toMatchObject({ id, price: '0.6', pending: null });
    await pass();
    expect(await asked()).toEqual([['/weather', 600_000n]]);
  });
});

describe('what waits', () => {
  it('is stopped by one word, and what is in force stays for good', async () => {
    const was = await put({}, 0);
    await put({ price: '0.40' });
    expect(await good(veto(was.id))).toEqual(was);
    await pass();
    expect(await asked()).toEqual([['/weather', 500_000n]]);
    expect(await veto(was.id)).toMatchObject({ code: 'nothing_pending' });
    expect((await told()).slice(-1)).toEqual(['endpoint.vetoed']);
    expect(await serviceWith(HOUR).veto(by(), was.id, { reason: ' ' })).toMatchObject({
      code: 'invalid_request',
    });
  });

  it('is stopped on a path that had no price, too', async () => {
    const { id } = await put({});
    expect(await good(veto(id))).toMatchObject({ id, status: 'removed', pending: null });
    await pass();
    expect([await asked(), await serviceWith(HOUR).list(by())]).toEqual([[], []]);
    expect(await veto(id)).toMatchObject({ code: 'not_found' });
  });

  it('gives way to what is asked for next, which waits its own time; the same again waits no longer', async () => {
    await put({}, 0);
    const first = await put({ price: '0.40' });
    expect(await put({ price: '0.40' }, 2 * HOUR)).toEqual(first);
    const next = await put({ price: '0.30' }, 2 * HOUR);
    expect(next.pending!.terms!.price).toBe('0.3');
    expect(Date.parse(next.pending!.effectiveAt)).toBeGreaterThan(
      Date.parse(first.pending!.effectiveAt),
    );
    await pass();
    expect(await asked()).toEqual([['/weather', 300_000n]]);
  });

  it('is taken back by putting what is in force', async () => {
    const was = await put({}, 0);
    await put({ payTo: OTHER });
    expect(await put({})).toMatchObject({ id: was.id, payTo: was.payTo, pending: null });
    await pass();
    expect(await serviceWith(HOUR).list(by())).toMatchObject([{ payTo: was.payTo }]);
  });

  it('is gone with its path', async () => {
    const { id } = await put({}, 0);
    await put({ price: '0.40' });
    await good(remove(id));
    await pass();
    expect(await asked()).toEqual([]);
    expect(await remove(id)).toMatchObject({ code: 'not_found' });
  });
});

describe('taking a price away', () => {
  it('waits where a wider path would answer, and can be stopped', async () => {
    await put({ path: '/*', price: '0.10' }, 0);
    const { id } = await put({ path: '/seoul' }, 0);
    const left = await good(remove(id));
    expect(left).toMatchObject({ status: 'in_force', pending: { terms: null } });
    expect(await good(remove(id))).toEqual(left);
    expect(await good(veto(id))).toMatchObject({ status: 'in_force', pending: null });
    await good(remove(id));
    expect(await asked()).toHaveLength(2);
    await pass();
    expect(await asked()).toEqual([['/*', 100_000n]]);
  });
});

describe('two at once', () => {
  it('leave one price in force and one that waits, whoever was first', async () => {
    await put({}, 0);
    const elsewhere = at().pool('payonce_app');
    await Promise.all(
      ['0.41', '0.42', '0.43', '0.44', '0.61', '0.62'].map((price, index) =>
        good(serviceWith(HOUR, index % 2 === 0 ? at().app : elsewhere).put(by(), body({ price }))),
      ),
    );
    const rows = await at().rows<{ open: bigint; now: bigint }>(
      `SELECT count(*) FILTER (WHERE removed_at IS NULL) AS open,
         count(*) FILTER (WHERE effective_at <= now() AND (removed_at IS NULL OR removed_at > now())) AS now
       FROM priced_endpoint WHERE merchant_id = $1`,
      [merchantId()],
    );
    expect(rows).toEqual([{ open: 1n, now: 1n }]);
    // A price is raised at once, whatever came before it; nothing else is.
    expect(await asked()).toEqual([['/weather', 620_000n]]);
  });
});

describe('the database', () => {
  it('moves no end that is past, and lets no price begin after its end', async () => {
    const { id } = await put({}, 0);
    await put({ price: '0.60' });
    const before = await readEndpoint(at().app, id);
    expect(before).toMatchObject({ inForce: false });
    await expect(
      at().app.query('UPDATE priced_endpoint SET removed_at = NULL WHERE endpoint_id = $1', [id]),
    ).rejects.toThrow(/its end is past/);
    await expect(
      at().app.query(
        `UPDATE priced_endpoint SET removed_at = effective_at - interval '1 second' WHERE removed_at IS NULL`,
      ),
    ).rejects.toThrow(/priced_endpoint_until/);
  });
});
