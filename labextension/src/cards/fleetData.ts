/** The record of a fleet, as the notebook keeps it: `kusto_magic/fleet_card.py` writes it, this reads it. */
import type { IBuild } from '../api/api';
import { type ICard, isNewer, isObject, isWell, textOf, texts } from './cardData';
import { things } from '../model/buildGroups';

export const FLEET_MIME = 'application/vnd.kusto-image.fleet+json';

/** Written by kusto_magic/fleet_card.py; raised there when a reader would have to change. */
export const FLEET_VERSION = 1;

/** So many clusters are shown without unfolding. */
export const FEW = 20;

export interface IFleet {
  readonly id: string;
  readonly image: string;
  readonly state: string;
  readonly ended: boolean;
  readonly base: string;
  readonly requirements: string;
  readonly startedAt: string;
  readonly asOf: string;
  /** Seconds from the first start to `asOf`, or to the end. */
  readonly seconds: number;
  readonly rows: ReadonlyArray<IRow>;
  readonly failures: ReadonlyArray<IFailure>;
  readonly next: string;
}

/** How it stands on one cluster; `cluster` is what to call it. */
export interface IRow {
  readonly id: string;
  readonly cluster: string;
  readonly state: string;
  readonly ended: boolean;
  /** Seconds from its start to the fleet's `asOf`, or to its end. */
  readonly seconds: number;
  readonly said: string;
}

/** Which clusters do not have the image for one reason. */
export interface IFailure {
  readonly reason: string;
  readonly clusters: ReadonlyArray<string>;
}

/** These parts of an error are of one failure alone; the rest is the same for each of its kind. */
const IDS = /^(request|operation) id /;

const RUN_AGAIN = 'mend what they say and run it again: what is done already stays as it is.';

/** Read the record of a fleet; null for what is none, or one of a version this does not know. */
export function readFleet(data: unknown): IFleet | null {
  if (!isObject(data) || data.version !== FLEET_VERSION || typeof data.id !== 'string') {
    return null;
  }
  const text = textOf(data);
  return {
    id: data.id,
    image: text('image'),
    state: text('state'),
    ended: data.ended === true,
    base: text('base'),
    requirements: text('requirements'),
    startedAt: text('startedAt'),
    asOf: text('asOf'),
    seconds: number(data.seconds),
    rows: objects(data.clusters).map(readRow),
    failures: objects(data.failures).map(it => ({ reason: textOf(it)('reason'), clusters: texts(it.clusters) })),
    next: text('next')
  };
}

function readRow(data: Record<string, unknown>): IRow {
  const text = textOf(data);
  const ended = data.ended === true;
  return {
    id: text('id'),
    cluster: text('cluster'),
    state: text('state'),
    ended,
    seconds: number(data.seconds),
    said: text('said')
  };
}

/** How many clusters are in each state, the most frequent first. */
export function counts(fleet: IFleet): Array<[string, number]> {
  const found = new Map<string, number>();
  fleet.rows.forEach(({ state }) => found.set(state, (found.get(state) ?? 0) + 1));
  return [...found].sort(([, one], [, other]) => other - one);
}

/** How many clusters have come to an end. */
export function overOf(fleet: IFleet): number {
  return fleet.rows.filter(row => row.ended).length;
}

/** Seconds that a cluster has taken, while the fleet has taken `seconds`. */
export function rowSeconds(row: IRow, fleet: IFleet, seconds: number): number {
  return row.ended ? row.seconds : row.seconds + Math.max(0, seconds - fleet.seconds);
}

/** Return the fleet with what the server has heard since; the same one where that is nothing. */
export function withNews(fleet: IFleet, builds: ReadonlyArray<IBuild>): IFleet {
  if (fleet.ended) {
    return fleet;
  }
  const news = newsOf(fleet, builds);
  if (!news.size) {
    return fleet;
  }
  const asOf = latest([fleet.asOf, ...[...news.values()].map(card => card.asOf)]);
  const seconds = fleet.seconds + (Date.parse(asOf) - Date.parse(fleet.asOf)) / 1000;
  const rows = fleet.rows.map(row => {
    const card = news.get(row.id);
    return card ? heard(row, card) : { ...row, seconds: rowSeconds(row, fleet, seconds) };
  });
  const now = { ...fleet, asOf, seconds, rows, failures: failuresOf(fleet, news) };
  return rows.every(row => row.ended) ? ended(now, news) : now;
}

/** Return the newer cards by the row's id; of what was sent again, the card of that. */
function newsOf(fleet: IFleet, builds: ReadonlyArray<IBuild>): Map<string, ICard> {
  const places = new Map(builds.map(build => [build.card.id, build.clusterId]));
  const ours = things(builds).find(thing => thing.id === fleet.id && thing.isFleet)?.builds ?? [];
  const newest = new Map(ours.map(build => [build.clusterId, build.card]));
  const found = new Map<string, ICard>();
  for (const row of fleet.rows) {
    const card = newest.get(places.get(row.id) ?? '');
    if (card && isNewer(card, { ended: row.ended, asOf: fleet.asOf })) {
      found.set(row.id, card);
    }
  }
  return found;
}

function heard(row: IRow, card: ICard): IRow {
  const said = [card.note, ...card.error].filter(part => part).join('; ');
  return { ...row, state: card.state, ended: card.ended, seconds: card.seconds, said };
}

/** Return what failed by reason, the most frequent first: what the record says, and what was heard since. */
function failuresOf(fleet: IFleet, news: ReadonlyMap<string, ICard>): IFailure[] {
  const clusters = new Map(fleet.failures.map(it => [it.reason, [...it.clusters]]));
  for (const row of fleet.rows) {
    const card = news.get(row.id);
    if (card?.ended && !isWell(card.state)) {
      const reason = reasonOf(card);
      clusters.set(reason, [...(clusters.get(reason) ?? []), row.cluster]);
    }
  }
  const found = [...clusters].map(([reason, names]) => ({ reason, clusters: names }));
  return found.sort((one, other) => other.clusters.length - one.clusters.length);
}

function reasonOf(card: ICard): string {
  const parts = card.error.flatMap(line => line.split('; ')); // a record of the history has all in one line
  return parts.filter(part => !IDS.test(part)).join('; ') || card.note || card.state;
}

function ended(fleet: IFleet, news: ReadonlyMap<string, ICard>): IFleet {
  const ill = fleet.rows.filter(row => !isWell(row.state));
  const steps = new Set(ill.map(row => news.get(row.id)?.next ?? ''));
  const [step] = steps;
  return {
    ...fleet,
    ended: true,
    seconds: Math.max(fleet.seconds, ...fleet.rows.map(row => row.seconds)), // `asOf` is in whole seconds
    state: ill.length ? 'Failed' : 'Succeeded',
    next: !ill.length ? '' : steps.size === 1 && step ? step : RUN_AGAIN
  };
}

function latest(times: string[]): string {
  return times.reduce((one, other) => (Date.parse(other) > Date.parse(one) ? other : one));
}

function objects(data: unknown): Array<Record<string, unknown>> {
  return Array.isArray(data) ? data.filter(isObject) : [];
}

function number(data: unknown): number {
  return typeof data === 'number' ? data : 0;
}
