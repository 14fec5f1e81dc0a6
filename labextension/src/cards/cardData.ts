/** The record of a build, as the notebook keeps it: `kusto_magic/card.py` writes it, this reads it. */

export const MIME = 'application/vnd.kusto-image.build+json';

/** Written by kusto_magic/card.py; raised there when a reader would have to change. */
export const VERSION = 1;

export interface ICard {
  readonly id: string;
  readonly image: string;
  readonly cluster: string;
  readonly emulator: boolean;
  readonly action: string;
  readonly state: string;
  readonly ended: boolean;
  readonly base: string;
  readonly requirements: string;
  readonly startedAt: string;
  readonly asOf: string;
  readonly heardAt: string;
  /** Seconds from the start to `asOf`, or to the end. */
  readonly seconds: number;
  readonly usual: string;
  /** What few builds take longer than, in seconds; 0 where nothing is known. */
  readonly usualHigh: number;
  readonly error: readonly string[];
  readonly next: string;
  readonly note: string;
  readonly plan: IPlan | null;
  /** What the builds of one image on several clusters have in common; "" for one alone. */
  readonly fleet: string;
}

/** What the check before the build found: `kusto_magic/plan.py` writes it. */
export interface IPlan {
  readonly verdict: string;
  readonly reason: string;
  readonly remarks: readonly string[];
  readonly packages: readonly IPlannedPackage[];
}

export interface IPlannedPackage {
  readonly name: string;
  readonly version: string;
  readonly status: string;
}

const GLYPHS: ReadonlyMap<string, string> = new Map([
  ['Succeeded', '✔'],
  ['Deleted', '✔'],
  ['Failed', '✖'],
  ['Refused', '✖'],
  ['Not sent', '✖'],
  ['Canceled', '⊘'],
  ['Unknown', '?']
]);

export const WORKING = '⏳';

/** The bar goes no further on an estimate; the rest is filled when the service says Succeeded. */
const FULL_BY_ESTIMATE = 0.95;

/** Read a card; null for what is none, or one of a version this does not know. */
export function readCard(data: unknown): ICard | null {
  if (!isObject(data) || data.version !== VERSION || typeof data.id !== 'string' || typeof data.state !== 'string') {
    return null;
  }
  const text = textOf(data);
  const number = (key: string): number => (typeof data[key] === 'number' ? data[key] : 0);
  return {
    id: data.id,
    state: data.state,
    image: text('image'),
    cluster: text('cluster'),
    emulator: data.emulator === true,
    action: text('action'),
    ended: data.ended === true,
    base: text('base'),
    requirements: text('requirements'),
    startedAt: text('startedAt'),
    asOf: text('asOf'),
    heardAt: text('heardAt'),
    seconds: number('seconds'),
    usual: text('usual'),
    usualHigh: number('usualHigh'),
    error: texts(data.error),
    next: text('next'),
    note: text('note'),
    plan: readPlan(data.plan),
    fleet: text('fleet')
  };
}

type Look = Pick<ICard, 'ended' | 'asOf'>;

/** Tell whether `other` says more of the same build than `card`: an end, or a later look. */
export function isNewer(other: Look, card: Look): boolean {
  if (other.ended !== card.ended) {
    return other.ended;
  }
  return !card.ended && Date.parse(other.asOf) > Date.parse(card.asOf);
}

export function glyph(state: string): string {
  return GLYPHS.get(state) ?? WORKING;
}

export function isWell(state: string): boolean {
  return glyph(state) === '✔';
}

/** Seconds since the build began, counted on by this machine's own clock from `asOf`, which arrived at `arrived`. */
export function elapsed(card: Pick<ICard, 'ended' | 'seconds'>, arrived: number, now: number): number {
  return card.ended ? card.seconds : card.seconds + Math.max(0, now - arrived) / 1000;
}

/** How full the bar is, from 0 to 1: an estimate until the end. */
export function share(card: ICard, seconds: number): number {
  if (card.ended) {
    return isWell(card.state) ? 1 : 0;
  }
  return card.usualHigh > 0 ? Math.min(FULL_BY_ESTIMATE, (FULL_BY_ESTIMATE * seconds) / card.usualHigh) : 0;
}

/** A span of time in words, as kusto_magic/card.py says it: "48 s", "5 min 2 s", "1 h 3 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function readPlan(data: unknown): IPlan | null {
  if (!isObject(data)) {
    return null;
  }
  const text = textOf(data);
  const packages: readonly unknown[] = Array.isArray(data.packages) ? data.packages : [];
  return {
    verdict: text('verdict'),
    reason: text('reason'),
    remarks: [...texts(data.warnings), ...texts(data.suggestions)],
    packages: packages
      .filter(isObject)
      .map(textOf)
      .map(it => ({
        name: it('name'),
        version: it('version'),
        status: it('status')
      }))
  };
}

export function textOf(data: Record<string, unknown>): (key: string) => string {
  return key => (typeof data[key] === 'string' ? data[key] : '');
}

export function texts(data: unknown): string[] {
  return Array.isArray(data) ? data.filter(line => typeof line === 'string') : [];
}

export function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
