/** The card of a build as a notebook stores it. `kusto_magic/display/card.py` writes it. */
import { isSuccess, type Outcome, readOutcome } from '../model/outcomes';
import type { HintKind, IHint } from '../model/hints';

export const BUILD_MIME_TYPE = 'application/vnd.kusto-image.build+json';

/** The version of the format. The writer increments it for changes that older readers cannot read. */
const VERSION = 1;

export interface ICard {
  readonly id: string;
  readonly image: string;
  readonly cluster: string;
  readonly emulator: boolean;
  readonly action: string;
  /** Whether the action builds an image. */
  readonly createsImage: boolean;
  /** The state as text, which depends on the action. */
  readonly state: string;
  /** How it ended, null while it is in progress. */
  readonly outcome: Outcome | null;
  readonly ended: boolean;
  readonly base: string;
  readonly requirements: string;
  readonly startedAt: string;
  readonly asOf: string;
  /** Time of the service's last response, "" if it is not known. */
  readonly lastUpdate: string;
  /** Seconds from the start to `asOf`, which is the end of a build that is done. */
  readonly seconds: number;
  /** The estimated duration as text, "" if there is none. */
  readonly estimate: string;
  /** Upper bound of the estimated duration in seconds, 0 if there is none. */
  readonly estimateHigh: number;
  /** Seconds from the start until the service could begin, because the cluster was busy; 0 if it was not. */
  readonly waited: number;
  readonly error: readonly string[];
  /** The failure without ids: the same text for every failure of the same kind. Older cards have none. */
  readonly reason: string;
  /** First sentence of the service or of the check about the failure, "" if there is none. */
  readonly detail: string;
  /** What the user can do, null if there is nothing. */
  readonly hint: IHint | null;
  readonly note: string;
  readonly plan: IPlan | null;
  /** The id that the builds of a fleet share, "" for a single build. */
  readonly fleet: string;
}

/** The result of the check before the build. `kusto_magic/display/preflight_report.py` writes it. */
export interface IPlan {
  readonly verdict: string;
  readonly reason: string;
  readonly remarks: readonly string[];
  /** What allows a more complete check, null if there is nothing. */
  readonly hint: IHint | null;
  readonly packages: readonly IPlannedPackage[];
}

export interface IPlannedPackage {
  readonly name: string;
  readonly version: string;
  readonly status: string;
}

/** Maximum fraction of the progress bar that the estimate fills; only a success fills the rest. */
const MAX_ESTIMATED_FRACTION = 0.95;

/** Return the card, null if the data is not one or has an unknown version. Members of a wrong type count as absent. */
export function readCard(data: unknown): ICard | null {
  return isObject(data) && data.version === VERSION ? readListedCard(data) : null;
}

/** Return the card of a list, which has no version, no requirements and no plan, and shorter texts; else null. */
export function readListedCard(data: unknown): ICard | null {
  if (!isObject(data) || typeof data.id !== 'string' || typeof data.state !== 'string') {
    return null;
  }
  const text = textReader(data);
  return {
    id: data.id,
    state: text('state'),
    outcome: readOutcome(data.outcome),
    image: text('image'),
    cluster: text('cluster'),
    emulator: data.emulator === true,
    action: text('action'),
    createsImage: data.createsImage === true,
    ended: data.ended === true,
    base: text('base'),
    requirements: text('requirements'),
    startedAt: text('startedAt'),
    asOf: text('asOf'),
    lastUpdate: text('heardAt'),
    seconds: readNumber(data.seconds),
    estimate: text('usual'),
    estimateHigh: readNumber(data.usualHigh),
    waited: readNumber(data.waited),
    error: readTexts(data.error),
    reason: text('reason'),
    detail: text('detail'),
    hint: readHint(data.hint),
    note: text('note'),
    plan: readPlan(data.plan),
    fleet: text('fleet')
  };
}

/** Return the card of a list with the texts of another version of the same card. */
export function withTexts(listed: ICard, { requirements, plan }: ICard): ICard {
  return { ...listed, requirements, plan };
}

/** Return whether `other` is a later version of the same card: one that is done, or one with a later time. */
export function isNewer(other: Pick<ICard, 'ended' | 'asOf'>, card: Pick<ICard, 'ended' | 'asOf'>): boolean {
  if (other.ended !== card.ended) {
    return other.ended;
  }
  return !card.ended && Date.parse(other.asOf) > Date.parse(card.asOf);
}

/**
 * Return the seconds since the start of a build. `receivedAt` and `now` are milliseconds of this machine's clock, so
 * that a wrong clock on either side does not matter.
 */
export function elapsedSeconds(card: Pick<ICard, 'ended' | 'seconds'>, receivedAt: number, now: number): number {
  return card.ended ? card.seconds : card.seconds + Math.max(0, now - receivedAt) / 1000;
}

/** Return the filled fraction of the progress bar, from 0 to 1. */
export function progressFraction(card: ICard, seconds: number): number {
  if (card.ended) {
    return isSuccess(card) ? 1 : 0;
  }
  return card.estimateHigh > 0
    ? Math.min(
        MAX_ESTIMATED_FRACTION,
        (MAX_ESTIMATED_FRACTION * Math.max(0, seconds - card.waited)) / card.estimateHigh
      )
    : 0;
}

/** Return a duration as text, in the format of `kusto_magic/display/card.py`: "48 s", "5 min 2 s", "1 h 3 min". */
export function formatDuration(seconds: number): string {
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
  const text = textReader(data);
  return {
    verdict: text('verdict'),
    reason: text('reason'),
    remarks: [...readTexts(data.warnings), ...readTexts(data.suggestions)],
    hint: readHint(data.hint),
    packages: readObjects(data.packages)
      .map(textReader)
      .map(read => ({ name: read('name'), version: read('version'), status: read('status') }))
  };
}

/** Return the hint, null if the data is not one. Its kind may be one that this version does not know. */
export function readHint(data: unknown): IHint | null {
  if (!isObject(data) || typeof data.kind !== 'string') {
    return null;
  }
  const kind = data.kind as HintKind;
  return { kind, name: textReader(data)('name'), values: readTexts(data.values), then: readHint(data.then) };
}

/** Return a function that reads the text of a key, "" if there is none. */
export function textReader(data: Record<string, unknown>): (key: string) => string {
  return key => (typeof data[key] === 'string' ? visible(data[key]) : '');
}

export function readTexts(data: unknown): string[] {
  return Array.isArray(data) ? data.filter(item => typeof item === 'string').map(visible) : [];
}

/** Control, bidirectional and zero-width characters, except in emoji. `kusto_magic/display_text.py` has all of them. */
const INVISIBLE =
  /(?![\t\n])\p{Cc}|\u00ad|\u061c|[\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|[\u{e0000}-\u{e0fff}]/gu;

/** Return a text with its invisible characters as escapes: a notebook of another user can contain any text. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, char => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`);
}

export function readObjects(data: unknown): Array<Record<string, unknown>> {
  return Array.isArray(data) ? data.filter(isObject) : [];
}

export function readNumber(data: unknown): number {
  return typeof data === 'number' ? data : 0;
}

export function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
