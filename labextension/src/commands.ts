/** The commands of the extension. */
import type { ILabShell, JupyterFrontEnd } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, filterListIcon, refreshIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { errorMessage } from './api/requestAPI';
import { cellText, setupText } from './cells/cellText';
import { insertCell } from './cells/insertCell';
import { addClusterCommands } from './clusterCommands';
import { CommandIDs } from './commandIds';
import type { Tabs } from './details/tabs';
import { imageIcon } from './icons';
import { addImageCommands } from './imageCommands';
import type { Sidebar } from './sidebar/sidebar';
import type { ICards, IImageDraft, IImagesModel } from './tokens';

const DRAFT_KEYS = ['cluster', 'name', 'base', 'python', 'requirements'] as const;

export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly model: IImagesModel;
  readonly cards: ICards;
  readonly notebooks: INotebookTracker;
  readonly sidebar: Sidebar;
  readonly tabs: Tabs;
  readonly trans: TranslationBundle;
  /** The shell of JupyterLab, null in Notebook 7. */
  readonly labShell: ILabShell | null;
}

export function addCommands(options: ICommandOptions): void {
  addSidebarCommands(options);
  addCellCommand(options);
  addImageCommands(options);
  addClusterCommands(options);
  const ids = Object.values(CommandIDs);
  // What a command can do depends on the clusters and images.
  options.model.changed.connect(() => ids.forEach(id => options.app.commands.notifyCommandChanged(id)));
}

function addSidebarCommands({ app, model, sidebar, trans }: ICommandOptions): void {
  const { commands, shell } = app;
  // The user can hide the sidebar in the settings.
  const isEnabled = (): boolean => sidebar.isAttached;
  commands.addCommand(CommandIDs.open, {
    label: trans.__('Show Kusto Images'),
    icon: imageIcon,
    isEnabled,
    execute: () => shell.activateById(sidebar.id)
  });
  commands.addCommand(CommandIDs.toggleFilter, {
    label: trans.__('Filter Kusto Images'),
    caption: trans.__('Filter images'),
    icon: filterListIcon,
    isEnabled,
    execute: () => {
      shell.activateById(sidebar.id);
      sidebar.toggleFilter();
    }
  });
  commands.addCommand(CommandIDs.newImage, {
    label: args => newImageLabel(args, trans),
    caption: args => (args.isLauncher ? trans.__('Build a sandbox custom image of Azure Data Explorer') : ''),
    icon: args => (args.isPalette || args.isLauncher ? imageIcon : args.isMenu ? undefined : addIcon),
    isEnabled: () => sidebar.isAttached && model.clusters.length > 0,
    execute: args => {
      shell.activateById(sidebar.id);
      return sidebar.openForm(readDraft(args));
    }
  });
  commands.addCommand(CommandIDs.refresh, {
    label: args => (args.isMenu ? trans.__('Refresh') : trans.__('Refresh Kusto Images')),
    caption: trans.__('Refresh'),
    icon: args => (args.isMenu ? undefined : refreshIcon),
    execute: async args => {
      await model.refresh();
      const watched = typeof args.cluster === 'string' ? [args.cluster] : model.watchedClusters;
      await Promise.all(watched.map(id => model.refreshImages(id)));
    }
  });
}

function newImageLabel(args: ReadonlyPartialJSONObject, trans: TranslationBundle): string {
  if (args.isLauncher) {
    return trans.__('Kusto Image');
  }
  return args.isPalette ? trans.__('New Kusto Image…') : trans.__('New image…');
}

function addCellCommand({ app, model, notebooks, labShell, trans }: ICommandOptions): void {
  const { commands, serviceManager } = app;
  commands.addCommand(CommandIDs.insertCell, {
    label: trans.__('Insert Kusto Image Cell'),
    // As an argument: the translator replaces `%%` in its messages by `%`.
    caption: trans.__('Insert a %1 cell', '%%kusto_image'),
    icon: imageIcon,
    // Notebook 7 opens a new notebook in another page.
    isVisible: () => labShell !== null || notebooks.currentWidget !== null,
    execute: async (args): Promise<boolean> => {
      const draft = readDraft(args);
      const cluster = model.clusters.find(({ id }) => id === draft.cluster) ?? model.clusters[0];
      try {
        await insertCell({ commands, notebooks, serviceManager }, cellText(draft), setupText(cluster));
        return true;
      } catch (error) {
        await showErrorMessage(trans.__('Insert Kusto Image Cell'), errorMessage(error));
        return false;
      }
    }
  });
}

/** Read a draft from command arguments. They are not trusted: a shortcut or another extension can pass anything. */
export function readDraft(args: ReadonlyPartialJSONObject): IImageDraft {
  return Object.fromEntries(DRAFT_KEYS.flatMap(key => (typeof args[key] === 'string' ? [[key, args[key]]] : [])));
}
