import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commandIds';
import { addCommands } from '../commands';
import { ImageDetails } from '../details/imageDetails';
import { Tabs } from '../details/tabs';
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
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ITranslator, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    model: IImagesModel,
    cards: ICards,
    preferences: IPreferences,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    labShell: ILabShell | null
  ): void => {
    const trans = loadTranslations(translator);
    const tabs = new Tabs(app.shell, labShell ? 'main' : 'down');
    // Created before its commands: the buttons of its toolbar follow when the commands are added.
    const sidebar = new Sidebar({ model, trans, commands: app.commands, translator: translator ?? undefined });
    addCommands({ app, model, cards, notebooks, sidebar, tabs, trans, labShell });
    showInLeftArea(app, sidebar, preferences);
    restorer?.add(sidebar, sidebar.id);
    restoreTabs(tabs, restorer);
    const category = trans.__('Kusto images');
    Object.values(CommandIDs)
      .filter(command => command !== CommandIDs.openRecord)
      .forEach(command => palette?.addItem({ command, category, args: { isPalette: true } }));
    launcher?.add({ command: CommandIDs.newImage, category: trans.__('Other'), args: { isLauncher: true } });
  }
};

/** Show the sidebar unless the settings hide it. */
function showInLeftArea({ shell, restored }: JupyterFrontEnd, sidebar: Sidebar, preferences: IPreferences): void {
  const update = (): void => {
    const { showSidebar } = preferences.values;
    if (showSidebar && !sidebar.isAttached) {
      shell.add(sidebar, 'left', { rank: RANK });
    } else if (!showSidebar) {
      sidebar.parent = null;
    }
  };
  update();
  preferences.changed.connect(update);
  // The restored layout adds the sidebar again even if the settings hide it.
  void restored.then(update);
}

/** Open the tabs of images again after the page was reloaded. */
function restoreTabs({ tracker }: Tabs, restorer: ILayoutRestorer | null): void {
  void restorer?.restore(tracker, {
    command: CommandIDs.showDetails,
    args: ({ content }) =>
      content instanceof ImageDetails ? { cluster: content.props.cluster, name: content.props.name } : {},
    name: ({ id, content }) => (content instanceof ImageDetails ? id : '')
  });
}

export default plugin;
