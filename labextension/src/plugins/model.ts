import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { ImagesAPI } from '../api/api';
import { createRequestAPI } from '../api/requestAPI';
import { ImagesModel } from '../model/imagesModel';
import { pendingBuilds } from '../model/pendingBuilds';
import { IImagesModel, IPreferences } from '../tokens';

/**
 * Milliseconds between a response and the next request while a build is active. The server answers when a build changes:
 * this limits how often that is with hundreds of builds, and is part of how late a page is.
 */
const ACTIVE_INTERVAL = 250;

const plugin: JupyterFrontEndPlugin<IImagesModel> = {
  id: 'kusto-magic:model',
  description: 'Provides the images and builds known to the Jupyter server.',
  autoStart: true,
  provides: IImagesModel,
  requires: [IPreferences],
  activate: (app: JupyterFrontEnd, preferences: IPreferences): IImagesModel => {
    const { serverSettings } = app.serviceManager;
    const idleInterval = (): number => preferences.values.pollSeconds * 1000;
    const model = new ImagesModel({
      api: new ImagesAPI(createRequestAPI(serverSettings)),
      pendingBuilds: pendingBuilds(serverSettings.baseUrl),
      isHidden: () => document.hidden,
      idleInterval: idleInterval(),
      activeInterval: ACTIVE_INTERVAL
    });
    preferences.changed.connect(() => (model.idleInterval = idleInterval()));
    void app.restored.then(() => model.refresh());
    // `persisted`: the browser keeps the page and may show it again; the model then continues.
    window.addEventListener('pagehide', event => event.persisted || model.dispose());
    return model;
  }
};

export default plugin;
