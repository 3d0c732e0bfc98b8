import type { Day, When } from '../document/types.ts';

type Local = { day: Day; minute: number; date: string };

/** `at`: ms since the epoch. Pure but for a memory of the last minute asked about. */
export function holdsAt(when: When, at: number): boolean {
  const { day, minute, date } = localTime(when.timeZone, at);
  if (when.days !== null && !when.days.includes(day)) return false;
  if (when.dates !== null && !when.dates.includes(date)) return false;
  if (when.exceptDates?.includes(date)) return false;
  const { from, to } = when;
  if (from !== null && to !== null && from > to) return minute >= from || minute < to;
  return (from === null || minute >= from) && (to === null || minute < to);
}

export function tellWhen(when: When): string {
  const { timeZone, days, from, to, dates, exceptDates } = when;
  const parts = [
    days?.join(' '),
    from === null && to === null ? undefined : `${clock(from ?? 0)} to ${clock(to ?? 1_440)}`,
    dates === null ? undefined : `on ${dates.join(' ')}`,
    exceptDates === null ? undefined : `not on ${exceptDates.join(' ')}`,
    timeZone,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

// A batch asks for one moment again and again, and formatting costs more than all else of a rule.
const zones = new Map<string, { format: Intl.DateTimeFormat; minute: number; local: Local }>();

function localTime(timeZone: string, at: number): Local {
  const minute = Math.floor(at / 60_000);
  const known = zones.get(timeZone);
  if (known?.minute === minute) return known.local;
  const format = known?.format ?? formatOf(timeZone);
  const part = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const local = {
    day: part.get('weekday')!.toLowerCase() as Day,
    minute: Number(part.get('hour')) * 60 + Number(part.get('minute')),
    date: `${part.get('year')}-${part.get('month')}-${part.get('day')}`,
  };
  zones.set(timeZone, { format, minute, local });
  return local;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

const clock = (minutes: number) =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
