/** A notification that tells of a beginning, and is updated in place at the end. */
import { Notification } from '@jupyterlab/apputils';

import type { IDraft } from '../commands';

/** What a notification offers to do. */
export interface IOffers {
  openRecord(id: string): void;
  useAsBase(draft: IDraft): void;
}

/** JupyterLab cuts a notification there. */
const LONGEST = 140;

/** Milliseconds for which the beginning is shown; the centre keeps it. */
const BEGINNING = 5000;

/**
 * Tell that something began, or in the place of `known` that it is more than it seemed; return the id for the next.
 *
 * Only begin and end: an update would bring a closed toast back for every step between.
 */
export function announceBeginning(words: string, known?: string): string {
  return announce(known, cut(words), 'in-progress', { autoClose: BEGINNING });
}

/** Tell how it ended, in the place of what told of its beginning where that is still there. */
export function announceEnd(
  known: string | undefined,
  words: string,
  type: Notification.TypeOptions,
  actions: Notification.IAction[]
): void {
  announce(known, cut(words), type, { autoClose: false, actions });
}

function announce(
  known: string | undefined,
  message: string,
  type: Notification.TypeOptions,
  options: { autoClose: number | false; actions?: Notification.IAction[] }
): string {
  if (known === undefined || !Notification.manager.has(known)) {
    return Notification.emit(message, type, options);
  }
  Notification.update({ id: known, message, type, ...options });
  return known;
}

function cut(message: string): string {
  return message.length <= LONGEST ? message : `${message.slice(0, LONGEST - 1)}…`;
}
