import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Address, silentLog } from '../../base/kernel/index.ts';
import {
  type Place,
  readScreened,
  takeWanted,
  wantScreened,
} from '../../books/destination/index.ts';
import type { RiskProvider, Said } from './port.ts';
import { Screener } from './round.ts';

const HOUR = 3_600_000;
const place = (n: number): Place => ({
  chainId: 1,
  address: `0x${n.toString(16).padStart(40, '0')}` as Address,
});
const [A, B] = [place(1), place(2)];

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());
beforeEach(() => at.rows('DELETE FROM screening'));

/** Says what the test lets it say. */
class Toy implements RiskProvider {
  readonly name: string;
  readonly room = 10;
  readonly withinMs = 1_000;
  asked: Place[][] = [];
  say: (place: Place) => Said;

  constructor(name: string, say: (place: Place) => Said) {
    this.name = name;
    this.say = say;
  }

  ask: RiskProvider['ask'] = async (places) => {
    this.asked.push([...places]);
    return places.map((one) => this.say(one));
  };
}
const SILENT: Said = { failure: 'toy: nothing' };
const SANCTIONED: Said = { score: 100, category: 'sanctions', source: 'toy' };
const clear = (source: string): Said => ({ score: 0, category: null, source });

let now = 0;
const screener = (parts: { list?: Toy; provider?: Toy }) =>
  new Screener({
    ...{ db: at.app, log: silentLog, random: () => 0.5, list: null, provider: null, ...parts },
    clock: { now: () => now, monotonic: () => now, sleep: async () => {} },
  });
const known = (places: Place[], maxAgeMs = HOUR) => readScreened(at.app, places, maxAgeMs);
const due = () => at.rows('UPDATE screening SET ask_at = now()');

describe('a destination', () => {
  it('is wanted until somebody has said how risky it is, and then known for as long as its age allows', async () => {
    const provider = new Toy('toy', () => ({ score: 7, category: 'mixer', source: 'toy' }));
    expect(await known([A])).toEqual([{ kind: 'wanted' }]);
    await wantScreened(at.app, [A, A, B]);
    expect(await screener({ provider }).round()).toBe(false);
    expect(provider.asked.flat()).toHaveLength(2);
    const risk = { score: 7, category: 'mixer', source: 'toy' };
    expect(await known([B, A])).toMatchObject([
      { kind: 'known', ...risk },
      { kind: 'known', ...risk },
    ]);
    expect(await known([A], 0)).toEqual([{ kind: 'wanted' }]);
    expect(await screener({ provider }).round()).toBe(false);
    expect(provider.asked).toHaveLength(1);
  });

  it('is asked about by one at a time, and again when who took it did not come back', async () => {
    await wantScreened(at.app, [A]);
    const lease = { limit: 10, leaseMs: 60_000 };
    expect(await takeWanted(at.app, lease)).toMatchObject({ places: [A] });
    expect(await takeWanted(at.app, lease)).toBe(null);
    // Wanted again meanwhile: it is asked about already.
    await wantScreened(at.app, [A]);
    expect(await takeWanted(at.app, lease)).toBe(null);
    await due();
    expect(await takeWanted(at.app, lease)).toMatchObject({ places: [A] });
  });

  it('of which nobody says anything is told so with the reason, and asked about later and later', async () => {
    const provider = new Toy('toy', () => SILENT);
    const one = screener({ provider });
    await wantScreened(at.app, [A]);
    for (const seconds of [2, 4]) {
      await one.round();
      expect(await known([A])).toEqual([{ kind: 'unavailable', reason: 'toy: nothing' }]);
      const [row] = await at.rows<{ wait: number }>(
        'SELECT extract(epoch FROM ask_at - clock_timestamp())::float8 AS wait FROM screening',
      );
      expect(row!.wait).toBeLessThanOrEqual(seconds);
      expect(row!.wait).toBeGreaterThan(0);
      await due();
    }
    provider.say = () => clear('toy');
    await one.round();
    expect(await known([A])).toMatchObject([{ kind: 'known', score: 0 }]);
  });

  it('keeps what was said of it before, as old as that is, while nobody answers', async () => {
    const provider = new Toy('toy', () => clear('toy'));
    const one = screener({ provider });
    await wantScreened(at.app, [A]);
    await one.round();
    await at.rows(`UPDATE screening SET screened_at = now() - interval '1 minute'`);
    provider.say = () => SILENT;
    await wantScreened(at.app, [A]);
    await one.round();
    expect(await known([A])).toMatchObject([{ kind: 'known', source: 'toy' }]);
    expect(await known([A], 1_000)).toEqual([{ kind: 'unavailable', reason: 'toy: nothing' }]);
  });

  it('keeps the newer word where an older one comes late, from who was taken for dead', async () => {
    const quick = screener({ provider: new Toy('toy', () => SANCTIONED) });
    const slow = new Toy('toy', () => clear('toy'));
    const { ask } = slow;
    slow.ask = async (places) => {
      await due();
      await quick.round();
      return ask(places);
    };
    await wantScreened(at.app, [A]);
    await screener({ provider: slow }).round();
    expect(await known([A])).toMatchObject([SANCTIONED]);
  });

  it('is asked about again, and known anew, where the clock was set back behind what was said', async () => {
    const provider = new Toy('toy', () => clear('toy'));
    await wantScreened(at.app, [A]);
    await screener({ provider }).round();
    await at.rows(`UPDATE screening SET screened_at = now() + interval '1 day'`);
    expect(await known([A])).toEqual([{ kind: 'wanted' }]);
    provider.say = () => SANCTIONED;
    await wantScreened(at.app, [A]);
    await screener({ provider }).round();
    expect(await known([A])).toMatchObject([SANCTIONED]);
  });

  it('that the list names is asked about no further', async () => {
    const listed: Said = { score: 100, category: 'sanctions', source: 'list' };
    const list = new Toy('list', ({ address }) => (address === A.address ? listed : clear('list')));
    const provider = new Toy('toy', () => clear('toy'));
    await wantScreened(at.app, [A, B]);
    await screener({ list, provider }).round();
    expect(provider.asked).toEqual([[B]]);
    expect(await known([A, B])).toMatchObject([listed, clear('toy')]);
  });

  it('that the list names with a score of 0 is asked about no further either', async () => {
    const listed: Said = { score: 0, category: 'sanctions', source: 'list' };
    const list = new Toy('list', () => listed);
    const provider = new Toy('toy', () => clear('toy'));
    await wantScreened(at.app, [A]);
    await screener({ list, provider }).round();
    expect(await known([A])).toMatchObject([listed]);
  });

  it('is cleared by no provider while the list can not be read', async () => {
    const list = new Toy('list', () => ({ failure: 'no list' }));
    const provider = new Toy('toy', () => clear('toy'));
    await wantScreened(at.app, [A]);
    await screener({ list, provider }).round();
    expect(provider.asked).toEqual([]);
    expect(await known([A])).toEqual([{ kind: 'unavailable', reason: 'no list' }]);
  });
});

describe('a provider', () => {
  it('that answers nothing three times in a row is left alone for a while, and who waits is told at once', async () => {
    now = 0;
    const provider = new Toy('toy', () => SILENT);
    const one = screener({ provider });
    await wantScreened(at.app, [A]);
    for (let times = 0; times < 3; times += 1) {
      await due();
      await one.round();
    }
    expect(provider.asked).toHaveLength(3);
    await due();
    await wantScreened(at.app, [B]);
    await one.round();
    expect(provider.asked).toHaveLength(3);
    expect(await known([B])).toEqual([
      { kind: 'unavailable', reason: expect.stringMatching(/^toy: left alone after 3 questions/) },
    ]);
    // Its time is over, and it answers.
    now = 2_000;
    await due();
    provider.say = () => clear('toy');
    await one.round();
    expect(await known([A, B])).toMatchObject([{ kind: 'known' }, { kind: 'known' }]);
  });
});
