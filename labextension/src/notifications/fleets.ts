/** One notification per fleet instead of one for each of its builds. */
import { buildGroups, type IBuildGroup } from '../model/buildGroups';
import { isSuccess } from '../model/outcomes';
import type { INotificationOptions } from './builds';
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
    const { model, preferences, toasts, trans } = this._options;
    const fleet = buildGroups(model.builds).find(({ id }) => id === fleetId);
    const shown = this._shown.get(fleetId);
    // The builds of a fleet start one after the other, so the number of clusters grows.
    const count = fleet?.active ? fleet.builds.length : 0;
    if (!fleet || shown?.count === count) {
      return;
    }
    const level = preferences.values.notifications;
    let toast = shown?.toast;
    if (fleet.active) {
      toast = level === 'all' ? toasts.start(fleetStarted(fleet, trans), toast) : undefined;
    } else if (level !== 'none') {
      this._finish(fleet, toast);
    }
    this._shown.set(fleetId, { count, toast });
  }

  private _finish(fleet: IBuildGroup, toast: string | undefined): void {
    const { actions, toasts, trans } = this._options;
    const failed = fleet.builds.filter(({ card }) => !isSuccess(card));
    const { id } = (failed[0] ?? fleet.builds[0]).card;
    const details = { label: trans.__('Show details'), callback: () => actions.showDetails(id) };
    const types = new Set<ToastType>(failed.map(({ card }) => toastType(card)));
    const type = types.has('error') ? 'error' : types.has('warning') ? 'warning' : 'success';
    toasts.finish(fleetEnded(fleet, failed, trans), type, [details], toast);
  }

  private readonly _shown = new Map<string, IShownFleet>();
}
