/** One notification per operation: it shows the start and is updated in place at the end. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IBuild } from '../api/api';
import { isSuccess } from '../model/outcomes';
import type { IImageDraft, IImagesModel, IPreferences } from '../tokens';
import { FleetNotifications } from './fleets';
import { buildEnded, buildStarted, toastType } from './messages';
import type { IToastAction, IToasts } from './toast';

/** The actions that notifications offer. */
export interface INotificationActions {
  showDetails(id: string): void;
  useAsBase(draft: IImageDraft): void;
}

export interface INotificationOptions {
  readonly model: IImagesModel;
  readonly preferences: IPreferences;
  readonly trans: TranslationBundle;
  readonly toasts: IToasts;
  readonly actions: INotificationActions;
}

export class BuildNotifications {
  constructor(private readonly _options: INotificationOptions) {
    const fleets = new FleetNotifications(_options);
    _options.model.buildChanged.connect((_, build) =>
      build.card.fleet ? fleets.notify(build.card.fleet) : this._notify(build)
    );
  }

  private _notify(build: IBuild): void {
    const { preferences, toasts, trans } = this._options;
    const level = preferences.values.notifications;
    if (level === 'none' || (level === 'end' && build.active)) {
      return;
    }
    const { id } = build.card;
    const toast = this._toastIds.get(id);
    if (!build.active) {
      this._toastIds.delete(id);
      toasts.finish(buildEnded(build.card, trans), toastType(build.card), this._actions(build), toast);
    } else if (toast === undefined) {
      this._toastIds.set(id, toasts.start(buildStarted(build.card, trans)));
    }
  }

  private _actions({ card, clusterId }: IBuild): IToastAction[] {
    const { actions, trans } = this._options;
    const details = { label: trans.__('Show details'), callback: () => actions.showDetails(card.id) };
    const use = {
      label: trans.__('Use as base'),
      callback: () => actions.useAsBase({ cluster: clusterId, base: card.image })
    };
    const canBeBase = isSuccess(card) && (card.createsImage || card.action === 'enable');
    return canBeBase ? [details, use] : [details];
  }

  private readonly _toastIds = new Map<string, string>();
}
