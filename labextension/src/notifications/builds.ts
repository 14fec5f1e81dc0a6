/**
 * One notification per build, or per fleet of builds: it tells that it began, and is updated in place when it has
 * ended.
 */
import type { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { announceBeginning, announceEnd, type IOffers } from './toast';
import type { IBuild } from '../api/api';
import { duration, type ICard, isWell } from '../cards/cardData';
import { FleetNotifications } from './fleets';
import type { IPreferences } from '../model/preferences';
import type { IImagesModel } from '../tokens';

export class BuildNotifications {
  constructor(
    model: IImagesModel,
    private readonly _preferences: IPreferences,
    private readonly _offers: IOffers,
    private readonly _trans: TranslationBundle
  ) {
    const fleets = new FleetNotifications(model, _preferences, _offers, _trans);
    model.moved.connect((_, build) => (build.card.fleet ? fleets.tell(build) : this._tell(build)));
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
      this._shown.set(build.card.id, announceBeginning(this._beginning(build.card)));
    }
  }

  private _end(build: IBuild, known: string | undefined): void {
    this._shown.delete(build.card.id);
    const type = isWell(build.card.state) ? 'success' : build.card.state === 'Unknown' ? 'warning' : 'error';
    announceEnd(known, this._ending(build.card), type, this._actions(build));
  }

  private _beginning(card: ICard): string {
    const { action, image, cluster } = card;
    switch (action) {
      case 'delete':
        return this._trans.__('Image %1 is being deleted from %2.', image, cluster);
      case 'enable':
        return this._trans.__('Image %1 is being enabled on %2.', image, cluster);
      case 'disable':
        return this._trans.__('python() is being switched off on %1.', cluster);
      default:
        return this._trans.__('Image %1 is being built on %2.', image, cluster);
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
