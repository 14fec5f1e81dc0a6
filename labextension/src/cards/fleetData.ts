/** The card of a fleet as a notebook stores it. `kusto_magic/display/fleet_card.py` writes it. */
import type { IBuild } from '../api/api';
import { buildGroups } from '../model/buildGroups';
import { type IHasOutcome, isSuccess, type Outcome, readOutcome } from '../model/outcomes';
import type { IHint } from '../model/hints';
import { type ICard, isNewer, progressFraction } from './cardData';
import { isObject, readNumber, readObjects, readTexts, textReader } from '../model/json';
import { type IPlan, readHint, readPlan } from '../model/plan';

export const FLEET_MIME_TYPE = 'application/vnd.kusto-image.fleet+json';

/** The version of the format. The writer increments it for changes that older readers cannot read. */
const VERSION = 1;

/** Maximum number of clusters that are shown unfolded. */
export const MAX_UNFOLDED = 20;

/** What to do if clusters fail for different reasons. */
const FIX_FLEET: IHint = { kind: 'fix-fleet', name: '', values: [], then: null };

export interface IFleet {
  readonly id: string;
  readonly image: string;
  readonly state: string;
  readonly outcome: Outcome | null;
  readonly ended: boolean;
  readonly base: string;
  readonly requirements: string;
  readonly startedAt: string;
  readonly asOf: string;
  /** Seconds from the first start to `asOf`, which is the end of a fleet that is done. */
  readonly seconds: number;
  readonly rows: ReadonlyArray<IFleetRow>;
  readonly failures: ReadonlyArray<IFleetFailure>;
  /** What the user can do, null if there is nothing. */
  readonly hint: IHint | null;
  /** The result of the check, which is the same for all clusters with the same base. */
  readonly plan: IPlan | null;
  /** The estimated duration of the slowest cluster as text, "" if there is none. */
  readonly estimate: string;
}

/** One cluster; `cluster` is a label that is unique in the fleet. */
export interface IFleetRow {
  readonly id: string;
  readonly cluster: string;
  readonly state: string;
  readonly outcome: Outcome | null;
  readonly ended: boolean;
  /** Seconds from the start on this cluster to the fleet's `asOf`, or to its end. */
  readonly seconds: number;
  /** Upper bound of the estimated duration in seconds, 0 if there is none. */
  readonly estimateHigh: number;
  /** Seconds from the start until the service could begin, because the cluster was busy. */
  readonly waited: number;
  /** Whether the image was built before. */
  readonly isFound: boolean;
  /** How many seconds that build took, 0 if it is not known. */
  readonly builtSeconds: number;
  readonly message: string;
}

/** The clusters that failed for one reason. */
export interface IFleetFailure {
  readonly reason: string;
  readonly clusters: ReadonlyArray<string>;
}

/** Return the fleet, null if the data is not one or has an unknown version. */
export function readFleet(data: unknown): IFleet | null {
  if (!isObject(data) || data.version !== VERSION || typeof data.id !== 'string') {
    return null;
  }
  const text = textReader(data);
  return {
    id: data.id,
    image: text('image'),
    state: text('state'),
    outcome: readOutcome(data.outcome),
    ended: data.ended === true,
    base: text('base'),
    requirements: text('requirements'),
    startedAt: text('startedAt'),
    asOf: text('asOf'),
    seconds: readNumber(data.seconds),
    rows: readObjects(data.clusters).map(readRow),
    failures: readObjects(data.failures).map(it => ({
      reason: textReader(it)('reason'),
      clusters: readTexts(it.clusters)
    })),
    hint: readHint(data.hint),
    plan: readPlan(data.plan),
    estimate: text('usual')
  };
}

function readRow(data: Record<string, unknown>): IFleetRow {
  const text = textReader(data);
  return {
    id: text('id'),
    cluster: text('cluster'),
    state: text('state'),
    outcome: readOutcome(data.outcome),
    ended: data.ended === true,
    seconds: readNumber(data.seconds),
    estimateHigh: readNumber(data.usualHigh),
    waited: readNumber(data.waited),
    isFound: data.isFound === true,
    builtSeconds: readNumber(data.builtSeconds),
    message: text('said')
  };
}

/** Return the number of clusters in each state, most frequent first. */
export function countStates(fleet: IFleet): Array<[string, number]> {
  const counts = new Map<string, number>();
  fleet.rows.forEach(({ state }) => counts.set(state, (counts.get(state) ?? 0) + 1));
  return [...counts].sort(([, one], [, other]) => other - one);
}

/** Return the number of clusters that are done. */
export function doneRowCount(fleet: IFleet): number {
  return fleet.rows.filter(row => row.ended).length;
}

/** Return the filled fraction of the progress bar: the mean of the clusters, of which ended ones count as full. */
export function fleetFraction(fleet: IFleet, seconds: number): number {
  const fractions = fleet.rows.map(row => (row.ended ? 1 : progressFraction(row, rowSeconds(row, fleet, seconds))));
  return fractions.reduce((sum, fraction) => sum + fraction, 0) / Math.max(1, fractions.length);
}

/** Return the clusters: first those that failed, then those in progress, then those that succeeded. */
export function groupedRows({ rows }: IFleet): ReadonlyArray<IFleetRow> {
  const position = (row: IFleetRow): number => (!row.ended ? 1 : isSuccess(row) ? 2 : 0);
  return [...rows].sort((one, other) => position(one) - position(other));
}

/** Return the seconds that a cluster has taken when the fleet has taken `seconds`. */
export function rowSeconds(row: IFleetRow, fleet: IFleet, seconds: number): number {
  return row.ended ? row.seconds : row.seconds + Math.max(0, seconds - fleet.seconds);
}

/** Return the fleet updated from the server's builds, the same object if none of them is newer. */
export function updateFleet(fleet: IFleet, builds: ReadonlyArray<IBuild>): IFleet {
  if (fleet.ended) {
    return fleet;
  }
  const cards = newerCards(fleet, builds);
  if (!cards.size) {
    return fleet;
  }
  const asOf = latestTime([fleet.asOf, ...[...cards.values()].map(card => card.asOf)]);
  const seconds = fleet.seconds + (Date.parse(asOf) - Date.parse(fleet.asOf)) / 1000;
  const rows = fleet.rows.map(row => {
    const card = cards.get(row.id);
    return card ? updateRow(row, card) : { ...row, seconds: rowSeconds(row, fleet, seconds) };
  });
  const updated = { ...fleet, asOf, seconds, rows, failures: groupFailures(fleet, cards) };
  return rows.every(row => row.ended) ? finishFleet(updated, cards) : updated;
}

/** Return the newer cards by the id of the row. A row may have the card of a later build on the same cluster. */
function newerCards(fleet: IFleet, builds: ReadonlyArray<IBuild>): Map<string, ICard> {
  const clusterIds = new Map(builds.map(build => [build.card.id, build.clusterId]));
  const group = buildGroups(builds).find(({ id, isFleet }) => isFleet && id === fleet.id);
  const newest = new Map(group?.builds.map(build => [build.clusterId, build.card]));
  const cards = new Map<string, ICard>();
  for (const row of fleet.rows) {
    const card = newest.get(clusterIds.get(row.id) ?? '');
    if (card && isNewer(card, { ...row, asOf: fleet.asOf })) {
      cards.set(row.id, card);
    }
  }
  return cards;
}

function updateRow(row: IFleetRow, card: ICard): IFleetRow {
  const message = [card.note, ...card.error].filter(part => part).join('; ');
  const { state, outcome, ended, seconds, estimateHigh, waited, isFound, builtSeconds } = card;
  return { ...row, state, outcome, ended, seconds, estimateHigh, waited, isFound, builtSeconds, message };
}

/** Return the failures of the saved card and of newer cards by reason, most frequent first. */
function groupFailures(fleet: IFleet, cards: ReadonlyMap<string, ICard>): IFleetFailure[] {
  const groups = new Map(fleet.failures.map(({ reason, clusters }) => [reason, [...clusters]]));
  for (const row of fleet.rows) {
    const card = cards.get(row.id);
    if (card?.ended && !isSuccess(card)) {
      const reason = card.reason || card.note || card.state;
      groups.set(reason, [...(groups.get(reason) ?? []), row.cluster]);
    }
  }
  const failures = [...groups].map(([reason, clusters]) => ({ reason, clusters }));
  return failures.sort((one, other) => other.clusters.length - one.clusters.length);
}

function finishFleet(fleet: IFleet, cards: ReadonlyMap<string, ICard>): IFleet {
  const failed = fleet.rows.filter(row => !isSuccess(row));
  return {
    ...fleet,
    ended: true,
    // `asOf` is rounded to seconds and may be earlier than the end of the slowest cluster.
    seconds: Math.max(fleet.seconds, ...fleet.rows.map(row => row.seconds)),
    ...fleetEnd(fleet.rows),
    hint: failed.length ? (commonHint(failed, cards) ?? FIX_FLEET) : null
  };
}

/** Return the state of a fleet that has ended, as `FleetCard` in Python does. */
function fleetEnd(rows: ReadonlyArray<IFleetRow>): IHasOutcome & { readonly state: string } {
  const failed = rows.filter(row => !isSuccess(row));
  const counted = failed.length ? failed : rows;
  const { state = '', outcome = null } = counted[0] ?? {};
  const isSame = counted.every(row => row.state === state);
  if (isSame && counted.length === rows.length) {
    return { state, outcome };
  }
  const what = isSame ? state.toLowerCase() : 'did not succeed';
  return { state: `${failed.length} of ${rows.length} ${what}`, outcome: isSame ? outcome : 'failed' };
}

/** Return the failures that the result of the check does not explain. */
export function listedFailures({ failures, plan, rows }: IFleet): ReadonlyArray<IFleetFailure> {
  if (plan?.verdict !== 'conflict') {
    return failures;
  }
  const explained = new Set(rows.filter(({ outcome }) => outcome === 'notSubmitted').map(({ cluster }) => cluster));
  return failures.filter(({ clusters }) => !clusters.every(cluster => explained.has(cluster)));
}

/** Return the hint that all failures have in common, null if there is none. */
function commonHint(failed: ReadonlyArray<IFleetRow>, cards: ReadonlyMap<string, ICard>): IHint | null {
  const [first = null, ...others] = failed.map(row => cards.get(row.id)?.hint ?? null);
  return others.every(hint => JSON.stringify(hint) === JSON.stringify(first)) ? first : null;
}

function latestTime(times: string[]): string {
  return times.reduce((one, other) => (Date.parse(other) > Date.parse(one) ? other : one));
}
