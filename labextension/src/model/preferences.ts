/** What the user has set (schema/plugin.json), with its defaults until that is read. */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

export type Notifications = 'all' | 'end' | 'none';

export interface IValues {
  readonly pollSeconds: number;
  readonly notifications: Notifications;
  readonly showStatus: boolean;
  readonly showSidebar: boolean;
  readonly highlightCells: boolean;
}

const DEFAULTS: IValues = {
  pollSeconds: 30,
  notifications: 'all',
  showStatus: true,
  showSidebar: true,
  highlightCells: true
};

export interface IPreferences {
  readonly values: IValues;
  readonly changed: ISignal<IPreferences, void>;
}

export class Preferences implements IPreferences {
  get values(): IValues {
    return this._values;
  }

  get changed(): ISignal<IPreferences, void> {
    return this._changed;
  }

  /** Take what is set, now and whenever it changes; the registry has checked it against the schema. */
  follow(settings: ISettingRegistry.ISettings): void {
    const read = (): void => {
      this._values = { ...DEFAULTS, ...(settings.composite as Partial<IValues>) };
      this._changed.emit();
    };
    settings.changed.connect(read);
    read();
  }

  private _values = DEFAULTS;
  private readonly _changed = new Signal<IPreferences, void>(this);
}
