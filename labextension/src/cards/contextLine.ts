/** The line below the name on a card: what the operation is about, and when and how it ended. */
import type { TranslationBundle } from '@jupyterlab/translation';

import { formatDateTime, formatTime } from '../components/time';
import { isSuccess } from '../model/outcomes';
import { textsOf } from '../model/actions';
import { formatDuration, type ICard } from './cardData';

export function contextLine(card: ICard, trans: TranslationBundle): string {
  const cluster = card.emulator ? trans.__('%1 (emulator)', card.cluster) : card.cluster;
  const times = card.ended ? endTexts(card, trans) : runningTexts(card, trans);
  return [card.base, cluster, ...times, card.note].filter(part => part).join(' · ');
}

function runningTexts(card: ICard, trans: TranslationBundle): string[] {
  return card.lastUpdate ? [trans.__('last update %1', formatTime(card.lastUpdate))] : [];
}

function endTexts(card: ICard, trans: TranslationBundle): string[] {
  if (card.isFound && isSuccess(card)) {
    return foundTexts(card, trans);
  }
  const duration = card.startKnown ? formatDuration(card.seconds) : '';
  return [endText(card, duration, trans), formatDateTime(card.asOf)];
}

function endText(card: ICard, duration: string, trans: TranslationBundle): string {
  switch (card.outcome) {
    case 'succeeded':
      return textsOf(card.action).done({ ...card, duration, detail: '' }, trans);
    case 'failed':
      return duration ? trans.__('failed after %1', duration) : trans.__('failed');
    case 'canceled':
      return duration ? trans.__('canceled after %1', duration) : trans.__('canceled');
    case 'rejected':
      return trans.__('nothing was started');
    case 'notSubmitted':
      return trans.__('nothing was sent to Azure');
    default:
      return trans.__('outcome unknown');
  }
}

/** Return when an image was built that the operation found; the service does not say it, only the history can. */
function foundTexts({ asOf, builtAt, builtSeconds }: ICard, trans: TranslationBundle): string[] {
  if (!builtAt) {
    return [trans.__('built before %1', formatDateTime(asOf))];
  }
  const built = builtSeconds ? trans.__('built in %1', formatDuration(builtSeconds)) : trans.__('built');
  return [built, formatDateTime(builtAt)];
}
