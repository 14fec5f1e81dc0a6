/** The plugins: each connects one part of JupyterLab with the model. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Api } from './api';
import { rememberedBuilds } from './memory';
import { ImagesModel } from './model';
import { reattachCards } from './reattach';
import { rendererFactory } from './renderer';
import { requester } from './request';
import { IImagesModel } from './tokens';

const DOMAIN = 'kusto_magic';

/** Milliseconds between two questions to the Jupyter server while something builds. */
const BUSY = 1000;
const IDLE = 30_000;

const model: JupyterFrontEndPlugin<IImagesModel> = {
  id: 'kusto-magic:model',
  description: 'Asks the Jupyter server about images and builds.',
  autoStart: true,
  provides: IImagesModel,
  activate: (app: JupyterFrontEnd): IImagesModel => {
    const { serverSettings } = app.serviceManager;
    const made = new ImagesModel({
      api: new Api(requester(serverSettings)),
      memory: rememberedBuilds(serverSettings.baseUrl),
      isHidden: () => document.hidden,
      idle: IDLE,
      busy: BUSY
    });
    void app.restored.then(() => made.refresh());
    return made;
  }
};

const renderer: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:renderer',
  description: 'Draws the card of a build, and lets it go on after a page reload.',
  autoStart: true,
  requires: [IRenderMimeRegistry, IImagesModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    images: IImagesModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    registry.addFactory(rendererFactory(images, (translator ?? nullTranslator).load(DOMAIN)));
    if (notebooks) {
      reattachCards(notebooks);
    }
  }
};

export default [model, renderer];
