/** One notification per build: it tells that the build began, and is updated in place when it has ended. */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IBuild } from './api';
import { duration, type ICard, isWell } from './card';
import type { IDraft } from './commands';
import type { IPreferences } from './preferences';
import type { IImagesModel } from './tokens';

/** What a notification offers to do. */
export interface IOffers {
  openRecord(id: string): void;
  useAsBase(draft: IDraft): void;
}

/** JupyterLab cuts a notification there. */
const LONGEST = 140;

/** Milliseconds for which the beginning is shown; the centre keeps it. */
const BEGINNING = 5000;

export class BuildNotifications {
  constructor(
    model: IImagesModel,
    private readonly _preferences: IPreferences,
    private readonly _offers: IOffers,
    private readonly _trans: TranslationBundle
  ) {
    model.moved.connect((_, build) => this._tell(build));
  }

  private _tell(build: IBuild): void {
    const wanted = this._preferences.values.notifications;
    if (wanted === 'none' || (wanted === 'end' && build.active)) {
      return;
    }
    const known = this._shown.get(build.card.id);
    if (!build.active) {
      this._end(build, known);
    } else if (known === undefined) {
      // Only begin and end: an update would bring a closed toast back for every step between.
      const id = Notification.emit(this._beginning(build.card), 'in-progress', { autoClose: BEGINNING });
      this._shown.set(build.card.id, id);
    }
  }

  private _end(build: IBuild, known: string | undefined): void {
    this._shown.delete(build.card.id);
    const message = cut(this._ending(build.card));
    const type = isWell(build.card.state) ? 'success' : build.card.state === 'Unknown' ? 'warning' : 'error';
    const actions = this._actions(build);
    if (known === undefined || !Notification.manager.has(known)) {
      Notification.emit(message, type, { autoClose: false, actions });
    } else {
      Notification.update({ id: known, message, type, autoClose: false, actions });
    }
  }

  private _beginning(card: ICard): string {
    const { action, image, cluster } = card;
    switch (action) {
      case 'delete':
        return cut(this._trans.__('Image %1 is being deleted from %2.', image, cluster));
      case 'enable':
        return cut(this._trans.__('Image %1 is being enabled on %2.', image, cluster));
      case 'disable':
        return cut(this._trans.__('python() is being switched off on %1.', cluster));
      default:
        return cut(this._trans.__('Image %1 is being built on %2.', image, cluster));
    }
  }

  private _ending(card: ICard): string {
    const { action, image, cluster, state } = card;
    if (state === 'Deleted') {
      return this._trans.__('Image %1 is deleted from %2.', image, cluster);
    }
    if (isWell(state) && action === 'enable') {
      return this._trans.__('Image %1 is enabled: the queries of %2 run on it.', image, cluster);
    }
    if (isWell(state) && action === 'disable') {
      return this._trans.__('python() is switched off on %1.', cluster);
    }
    if (isWell(state)) {
      return this._trans.__('Image %1 is ready on %2, after %3.', image, cluster, duration(card.seconds));
    }
    return this._trans.__('Image %1 on %2: %3. %4', image, cluster, state, card.error[0] ?? card.note);
  }

  private _actions({ card, clusterId }: IBuild): Notification.IAction[] {
    const record = { label: this._trans.__('Open record'), callback: () => this._offers.openRecord(card.id) };
    const use = {
      label: this._trans.__('Use as base'),
      callback: () => this._offers.useAsBase({ cluster: clusterId, base: card.image })
    };
    return card.state === 'Succeeded' && card.action !== 'disable' ? [record, use] : [record];
  }

  private readonly _shown = new Map<string, string>();
}

function cut(message: string): string {
  return message.length <= LONGEST ? message : `${message.slice(0, LONGEST - 1)}…`;
}
