import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';

import { buildCardFactory } from '../cards/buildCard';
import { fleetCardFactory } from '../cards/fleetCard';
import { reattachCards } from '../cards/reattachCards';
import { IImagesModel } from '../tokens';
import { loadTranslations } from './translations';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:renderer',
  description: 'Renders the cards of builds and fleets and keeps them up to date, also after a page reload.',
  autoStart: true,
  requires: [IRenderMimeRegistry, IImagesModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    model: IImagesModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    const trans = loadTranslations(translator);
    registry.addFactory(buildCardFactory(model, trans));
    registry.addFactory(fleetCardFactory(model, trans));
    if (notebooks) {
      reattachCards(notebooks);
    }
  }
};

export default plugin;
