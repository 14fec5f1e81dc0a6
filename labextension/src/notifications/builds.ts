/** One notification per operation: it shows the start and is updated in place at the end. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IBuild } from '../api/api';
import { isSuccess } from '../model/outcomes';
import type { ICards, IImageDraft, IImagesModel, IPreferences, NotificationLevel } from '../tokens';
import { FleetNotifications } from './fleets';
import { isEndAnnounced } from './level';
import { buildEnded, buildStarted, toastType } from './messages';
import type { IToastAction, IToasts } from './toast';

/** The actions that notifications offer. */
export interface INotificationActions {
  showDetails(id: string): void;
  enableImage(draft: IImageDraft): void;
}

export interface INotificationOptions {
  readonly model: IImagesModel;
  readonly preferences: IPreferences;
  readonly trans: TranslationBundle;
  readonly toasts: IToasts;
  readonly cards: Pick<ICards, 'isShown'>;
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
    const level = this._options.preferences.values.notifications;
    if (!build.active) {
      this._notifyEnd(build, level);
    } else if (level === 'all') {
      this._notifyStart(build);
    }
  }

  /** Announce that the service works on a build, once: before that it may wait for hours, or come to nothing. */
  private _notifyStart({ card }: IBuild): void {
    const { toasts, trans } = this._options;
    if (card.phase === 'work' && !this._toastIds.has(card.id)) {
      this._toastIds.set(card.id, toasts.start(buildStarted(card, trans)));
    }
  }

  private _notifyEnd(build: IBuild, level: NotificationLevel): void {
    const { cards, model, toasts, trans } = this._options;
    const { id } = build.card;
    const toast = this._toastIds.get(id);
    this._toastIds.delete(id);
    if (isEndAnnounced(level, cards.isShown(id) || model.formBuild === id)) {
      toasts.finish(buildEnded(build.card, trans), toastType(build.card), this._actions(build), toast);
    }
  }

  private _actions({ card, clusterId }: IBuild): IToastAction[] {
    const { actions, trans } = this._options;
    const show = { label: trans.__('Show'), callback: () => actions.showDetails(card.id) };
    const enable = {
      label: trans.__('Enable…'),
      callback: () => actions.enableImage({ cluster: clusterId, name: card.image })
    };
    return isSuccess(card) && card.createsImage ? [show, enable] : [show];
  }

  private readonly _toastIds = new Map<string, string>();
}
