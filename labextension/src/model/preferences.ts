import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IPreferences, ISettings } from '../tokens';

/** The defaults of `schema/plugin.json`, used until the settings are loaded. */
const DEFAULTS: ISettings = {
  pollSeconds: 30,
  notifications: 'end',
  showStatus: true,
  showSidebar: true,
  highlightCells: true
};

export class Preferences implements IPreferences {
  get values(): ISettings {
    return this._values;
  }

  get changed(): ISignal<IPreferences, ISettings> {
    return this._changed;
  }

  /** Read the settings now and on every change. The registry has validated them against the schema. */
  connect(settings: ISettingRegistry.ISettings): void {
    const read = (): void => {
      this._values = { ...DEFAULTS, ...(settings.composite as Partial<ISettings>) };
      this._changed.emit(this._values);
    };
    settings.changed.connect(read);
    read();
  }

  private _values = DEFAULTS;
  private readonly _changed = new Signal<IPreferences, ISettings>(this);
}
