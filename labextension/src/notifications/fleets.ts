/** One notification per fleet instead of one for each of its builds. */
import { buildGroups, type IBuildGroup } from '../model/buildGroups';
import { isSuccess } from '../model/outcomes';
import type { INotificationOptions } from './builds';
import { isEndAnnounced } from './level';
import { fleetEnded, fleetStarted, toastType } from './messages';
import type { ToastType } from './toast';

interface IShownFleet {
  /** Number of builds in the notification, 0 for the end of the fleet. */
  readonly count: number;
  readonly toast: string | undefined;
}

export class FleetNotifications {
  constructor(private readonly _options: INotificationOptions) {}

  /** Update the notification of a fleet after one of its builds has changed. */
  notify(fleetId: string): void {
    const { cards, model, preferences, toasts, trans } = this._options;
    const fleet = buildGroups(model.builds).find(({ id }) => id === fleetId);
    const shown = this._shown.get(fleetId);
    if (!fleet || !hasNews(fleet, shown)) {
      return;
    }
    const count = startedCount(fleet);
    const level = preferences.values.notifications;
    let toast = shown?.toast;
    if (fleet.active) {
      toast = level === 'all' ? toasts.start(fleetStarted(fleet, trans), toast) : undefined;
    } else if (isEndAnnounced(level, cards.isShown(fleetId))) {
      this._finish(fleet, toast);
    }
    this._shown.set(fleetId, { count, toast });
  }

  private _finish(fleet: IBuildGroup, toast: string | undefined): void {
    const { actions, toasts, trans } = this._options;
    const failed = fleet.builds.filter(({ card }) => !isSuccess(card));
    const { id } = (failed[0] ?? fleet.builds[0]).card;
    const details = { label: trans.__('Show'), callback: () => actions.showDetails(id) };
    const types = new Set<ToastType>(failed.map(({ card }) => toastType(card)));
    const type = types.has('error') ? 'error' : types.has('warning') ? 'warning' : 'success';
    toasts.finish(fleetEnded(fleet, failed, trans), type, [details], toast);
  }

  private readonly _shown = new Map<string, IShownFleet>();
}

/** Return the number of builds that the service works on or that have ended; 0 after the end of the fleet. */
function startedCount({ active, builds }: IBuildGroup): number {
  return active ? builds.filter(build => !build.active || build.card.phase === 'work').length : 0;
}

/** Return whether a fleet has ended, or the service works on more of its builds than a notification said. */
function hasNews(fleet: IBuildGroup, shown: IShownFleet | undefined): boolean {
  const count = startedCount(fleet);
  return shown?.count !== count && (!fleet.active || count > 0);
}
