import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Preferences } from '../model/preferences';
import { IPreferences } from '../tokens';

/** The plugin's id; JupyterLab derives the name of the schema from it. */
const ID = 'kusto-magic:plugin';

const plugin: JupyterFrontEndPlugin<IPreferences> = {
  id: ID,
  description: "Provides the user's settings.",
  autoStart: true,
  provides: IPreferences,
  optional: [ISettingRegistry],
  activate: (_app: JupyterFrontEnd, registry: ISettingRegistry | null): IPreferences => {
    const preferences = new Preferences();
    registry?.load(ID).then(
      settings => preferences.connect(settings),
      (error: unknown) => console.warn('kusto_magic: loading the settings failed', error)
    );
    return preferences;
  }
};

export default plugin;
