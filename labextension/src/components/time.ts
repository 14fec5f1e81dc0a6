/** Times in the reader's time zone, on a 24-hour clock, as the kernel writes them in the panel. */

/** Return a time with its date, "" if it is not one. */
export function formatDateTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? ''
    : time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });
}

/** Return the day: without the year if it is the current one. */
export function formatDay(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return date.toLocaleDateString(undefined, { month: 'short', day: 'numeric', year });
}

/** Return the time of day, "" if it is not one. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? '' : time.toLocaleTimeString(undefined, { hourCycle: 'h23' });
}
