import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';

import { isAwaited } from '../cards/awaitedCards';
import { buildCardFactory, createBuildCard } from '../cards/buildCard';
import { PageActions } from '../cards/cardActions';
import { fleetCardFactory } from '../cards/fleetCard';
import type { ICardContext } from '../cards/cardParts';
import { NotebookHost } from '../cards/notebookHost';
import { reattachCards } from '../cards/reattachCards';
import { updateSavedCards } from '../cards/savedCards';
import { ShownCards } from '../cards/shownCards';
import { ICards, IImagesModel } from '../tokens';
import { loadTranslations } from './translations';

const plugin: JupyterFrontEndPlugin<ICards> = {
  id: 'kusto-magic:renderer',
  description: 'Renders the cards of builds and fleets and keeps them up to date, also after a page reload.',
  autoStart: true,
  provides: ICards,
  requires: [IRenderMimeRegistry, IImagesModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    model: IImagesModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): ICards => {
    const trans = loadTranslations(translator);
    const actions = new PageActions(new NotebookHost(commands, notebooks), model, trans);
    const shownCards = new ShownCards({
      isPageHidden: () => document.hidden,
      createObserver: report => new IntersectionObserver(report)
    });
    const context: ICardContext = { model, actions, shownCards, trans };
    registry.addFactory(buildCardFactory(context));
    registry.addFactory(fleetCardFactory(context));
    if (notebooks) {
      reattachCards(notebooks);
      updateSavedCards(notebooks, model);
    }
    return {
      create: card => createBuildCard(context, card),
      isShown: id => shownCards.isShown(id) || (notebooks !== null && isAwaited(notebooks, id))
    };
  }
};

export default plugin;
