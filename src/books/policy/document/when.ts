import { type Faults, given, type Loose, shown } from '../../../base/config/index.ts';
import type { WhenSection } from './schema.ts';
import type { When } from './types.ts';

/** Reads a calendar whose shape fits. */
export function readWhen(section: Loose<WhenSection>, path: string, faults: Faults): When {
  const { timeZone = 'UTC', dates, exceptDates } = section;
  if (!isTimeZone(timeZone)) {
    faults.add(`${path}.timeZone`, shown(timeZone), 'an IANA time zone, like "Europe/Berlin"');
  }
  for (const [name, list] of Object.entries({ dates, exceptDates })) {
    list?.forEach((date, index) => {
      if (date === undefined || isDate(date)) return;
      faults.add(`${path}.${name}[${index}]`, shown(date), 'a day of the calendar');
    });
  }
  const from = minutesOf(section.from);
  const to = minutesOf(section.to);
  if (from !== null && from === to) {
    faults.add(`${path}.to`, shown(section.to), 'another time than from');
  }
  return {
    timeZone,
    days: given(section.days),
    from,
    to,
    dates: given(dates),
    exceptDates: given(exceptDates),
  };
}

/** Offsets like "+02:00" are none: they know no summer time. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function minutesOf(time: string | undefined): number | null {
  if (time === undefined) return null;
  const [hours, minutes] = time.split(':').map(Number);
  return hours! * 60 + minutes!;
}
