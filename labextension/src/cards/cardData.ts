/** The card of a build as a notebook stores it. `kusto_magic/display/card.py` writes it. */
import { isSuccess, type Outcome, readOutcome } from '../model/outcomes';
import type { components } from '../api/types.gen';
import type { IHint } from '../model/hints';
import { isObject, readNumber, readTexts, textReader } from '../model/json';
import { type ICorrection, type IPlan, readCorrection, readHint, readPlan } from '../model/plan';

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
  /** The part that is in progress, or in which it ended; "" in cards of an older version. */
  readonly phase: Phase | '';
  /** How it ended, null while it is in progress. */
  readonly outcome: Outcome | null;
  readonly ended: boolean;
  readonly base: string;
  /** The Python version of an image without a base image, otherwise "". */
  readonly python: string;
  readonly requirements: string;
  readonly startedAt: string;
  readonly asOf: string;
  /** Time of the service's last response, "" if it is not known. */
  readonly lastUpdate: string;
  /** Seconds from the start to `asOf`, which is the end of a build that is done. */
  readonly seconds: number;
  /** The estimated duration as text, "" if there is none. */
  readonly estimate: string;
  /** The estimate without its source, for narrow places. */
  readonly briefEstimate: string;
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
  /** Status and ids to quote in a support request, "" if there are none. */
  readonly ids: string;
  readonly note: string;
  /** Whether it is known when the operation was started. */
  readonly startKnown: boolean;
  /** Whether the operation found an image that was built before. */
  readonly isFound: boolean;
  /** When the build of that image ended, "" if it is not known. */
  readonly builtAt: string;
  /** How many seconds that build took, 0 if it is not known. */
  readonly builtSeconds: number;
  readonly plan: IPlan | null;
  /** Corrected requirements that the kernel proposes before the check, null if there are none. */
  readonly correction: ICorrection | null;
  /** The id that the builds of a fleet share, "" for a single build. */
  readonly fleet: string;
}

export type Phase = components['schemas']['Phase'];

const PHASES: ReadonlySet<string> = new Set<Phase>(['check', 'submit', 'work', 'done']);

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
    phase: readPhase(data.phase),
    outcome: readOutcome(data.outcome),
    image: text('image'),
    cluster: text('cluster'),
    emulator: data.emulator === true,
    action: text('action'),
    createsImage: data.createsImage === true,
    ended: data.ended === true,
    base: text('base'),
    python: text('python'),
    requirements: text('requirements'),
    startedAt: text('startedAt'),
    asOf: text('asOf'),
    lastUpdate: text('heardAt'),
    seconds: readNumber(data.seconds),
    estimate: text('usual'),
    briefEstimate: text('usualBrief'),
    estimateHigh: readNumber(data.usualHigh),
    waited: readNumber(data.waited),
    error: readTexts(data.error),
    reason: text('reason'),
    detail: text('detail'),
    hint: readHint(data.hint),
    ids: text('ids'),
    note: text('note'),
    startKnown: data.startUnknown !== true,
    isFound: data.isFound === true,
    builtAt: text('builtAt'),
    builtSeconds: readNumber(data.builtSeconds),
    plan: readPlan(data.plan),
    correction: readCorrection(data.correction),
    fleet: text('fleet')
  };
}

/** Return a newer version of a card with the texts of another version that it lacks: what was shown never disappears. */
export function withTexts(card: ICard, { requirements, plan }: ICard): ICard {
  return { ...card, requirements: card.requirements || requirements, plan: card.plan ?? plan };
}

function readPhase(data: unknown): Phase | '' {
  return typeof data === 'string' && PHASES.has(data) ? (data as Phase) : '';
}

/** What is compared of two versions of a card. */
export type IVersion = Pick<ICard, 'ended' | 'asOf' | 'outcome'>;

/** Return whether `other` is a later version of the same card: one whose outcome is known, or one with a later time. */
export function isNewer(other: IVersion, card: IVersion): boolean {
  if (isDone(other) !== isDone(card)) {
    return isDone(other);
  }
  return !isDone(card) && Date.parse(other.asOf) > Date.parse(card.asOf);
}

/** Return whether an operation has ended with a known outcome: an unknown one may still be found out. */
export function isDone({ ended, outcome }: Pick<ICard, 'ended' | 'outcome'>): boolean {
  return ended && outcome !== 'unknown';
}

/** What identifies an operation. */
type IIdentity = Pick<ICard, 'id' | 'image' | 'cluster' | 'emulator'>;

/** Return whether two cards are about the same operation: a card of another user's notebook can have any id. */
export function isSameOperation(one: IIdentity, other: IIdentity): boolean {
  return (
    one.id === other.id &&
    one.image.toLowerCase() === other.image.toLowerCase() &&
    one.cluster === other.cluster &&
    one.emulator === other.emulator
  );
}

/**
 * Return the seconds since the start of a build. `receivedAt` and `now` are milliseconds of this machine's clock, so
 * that a wrong clock on either side does not matter.
 */
export function elapsedSeconds(card: Pick<ICard, 'ended' | 'seconds'>, receivedAt: number, now: number): number {
  return card.ended ? card.seconds : card.seconds + Math.max(0, now - receivedAt) / 1000;
}

/** Something in progress, or done, with an estimate of its duration. */
export type IEstimated = Pick<ICard, 'ended' | 'outcome' | 'estimateHigh' | 'waited'>;

/** Return the filled fraction of the progress bar, from 0 to 1. */
export function progressFraction(card: IEstimated, seconds: number): number {
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

/** Return whether an operation in progress takes longer than estimated. */
export function isOverdue(card: IEstimated, seconds: number): boolean {
  return !card.ended && card.estimateHigh > 0 && seconds - card.waited > card.estimateHigh;
}

/** Return a duration as text, in the format of `kusto_magic/display/card.py`: "48 s", "5 min 2 s", "1 h 3 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.round(Math.max(0, seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
