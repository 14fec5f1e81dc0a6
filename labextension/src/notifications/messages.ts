/** The texts and types of notifications, for a single build and for a fleet. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IBuild } from '../api/api';
import { formatDuration, type ICard } from '../cards/cardData';
import { type IActionValues, textsOf } from '../model/actions';
import type { IBuildGroup } from '../model/buildGroups';
import { type IHasOutcome, isSuccess } from '../model/outcomes';
import type { ToastType } from './toast';

export function buildStarted(card: ICard, trans: TranslationBundle): string {
  return textsOf(card.action).started(valuesOf(card), trans);
}

export function buildEnded(card: ICard, trans: TranslationBundle): string {
  return isSuccess(card) ? buildSucceeded(card, trans) : buildFailed(card, trans);
}

function buildSucceeded(card: ICard, trans: TranslationBundle): string {
  return textsOf(card.action).succeeded(valuesOf(card), trans);
}

function buildFailed(card: ICard, trans: TranslationBundle): string {
  const { image, cluster, detail } = valuesOf(card);
  switch (card.outcome) {
    case 'notSubmitted':
      return trans.__('%1 was not sent to %2: %3', image, cluster, detail);
    case 'rejected':
      return trans.__('The request for image %1 was rejected on %2: %3', image, cluster, detail);
    case 'canceled':
      return trans.__('The operation on image %1 was canceled on %2: %3', image, cluster, detail);
    case 'unknown':
      return trans.__('Image %1 on %2: outcome unknown. %3', image, cluster, detail);
    default:
      return textsOf(card.action).failed(valuesOf(card), trans);
  }
}

function valuesOf(card: ICard): IActionValues {
  const { state, image, cluster, seconds } = card;
  return { state, image, cluster, duration: formatDuration(seconds), detail: failureDetail(card) };
}

export function fleetStarted(group: IBuildGroup, trans: TranslationBundle): string {
  return buildStarted(combinedCard(group, trans), trans);
}

/** Return the text for the end of a fleet. `failed` are its builds that did not succeed. */
export function fleetEnded(group: IBuildGroup, failed: ReadonlyArray<IBuild>, trans: TranslationBundle): string {
  const [first] = failed;
  if (!first) {
    return buildSucceeded(combinedCard(group, trans), trans);
  }
  const total = group.builds.length;
  return trans.__(
    '%1: succeeded on %2 of %3 clusters. %4: %5',
    first.card.image,
    total - failed.length,
    total,
    first.card.cluster,
    failureDetail(first.card)
  );
}

/** Return a card that stands for all builds of a fleet: their number as the cluster, and their total duration. */
function combinedCard({ builds }: IBuildGroup, trans: TranslationBundle): ICard {
  const cluster = trans._n('%1 cluster', '%1 clusters', builds.length);
  return { ...builds[0].card, cluster, seconds: totalSeconds(builds) };
}

/** Return the most specific text that a card has about its failure. */
function failureDetail(card: ICard): string {
  return card.detail || card.reason || card.note || card.state;
}

/** Return the seconds from the first start to the last end. */
function totalSeconds(builds: ReadonlyArray<IBuild>): number {
  const start = Math.min(...builds.map(({ card }) => Date.parse(card.startedAt)));
  const end = Math.max(...builds.map(({ card }) => Date.parse(card.asOf)));
  return (end - start) / 1000;
}

/** Return the type of the notification for the end of an operation. */
export function toastType(ended: IHasOutcome): ToastType {
  if (isSuccess(ended)) {
    return 'success';
  }
  // The operation may still succeed in Azure.
  return ended.outcome === 'unknown' ? 'warning' : 'error';
}
