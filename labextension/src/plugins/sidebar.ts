import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commandIds';
import { addCommands } from '../commands';
import { Sidebar } from '../sidebar/sidebar';
import { ICards, IImagesModel, IPreferences } from '../tokens';
import { loadTranslations } from './translations';

/** Position in the left area: after the table of contents (400), before the extension manager (1000). */
const RANK = 600;

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:views',
  description: 'Adds the sidebar, the detail tabs and the commands.',
  autoStart: true,
  requires: [IImagesModel, ICards, IPreferences, INotebookTracker],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IImagesModel,
    cards: ICards,
    preferences: IPreferences,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = loadTranslations(translator);
    const { commands, shell } = app;
    const sidebar = new Sidebar({
      model,
      trans,
      actions: {
        insertCell: draft => void commands.execute(CommandIDs.insertCell, { ...draft }),
        showDetails: id => void commands.execute(CommandIDs.openRecord, { id }),
        copyToClipboard: text => Clipboard.copyToSystem(text)
      }
    });
    const updateVisibility = (): void => {
      const { showSidebar } = preferences.values;
      if (showSidebar && !sidebar.isAttached) {
        shell.add(sidebar, 'left', { rank: RANK });
      } else if (!showSidebar) {
        sidebar.parent = null;
      }
    };
    updateVisibility();
    preferences.changed.connect(updateVisibility);
    // The restored layout adds the sidebar again even if the settings hide it.
    void app.restored.then(updateVisibility);
    restorer?.add(sidebar, sidebar.id);
    addCommands({ app, model, cards, notebooks, sidebar, trans });
    const category = trans.__('Kusto images');
    [CommandIDs.open, CommandIDs.newImage, CommandIDs.insertCell, CommandIDs.refresh].forEach(command => {
      palette?.addItem({ command, category, args: { isPalette: true } });
    });
    launcher?.add({ command: CommandIDs.newImage, category: trans.__('Other') });
  }
};

export default plugin;
