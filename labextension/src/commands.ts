/** The commands of the extension. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { errorMessage } from './api/requestAPI';
import { RecordTabs } from './cards/recordTab';
import { cellText, setupText } from './cells/cellText';
import { insertCell } from './cells/insertCell';
import { CommandIDs } from './commandIds';
import { imageIcon } from './icons';
import { deleteImage, enableImage } from './sidebar/dialogs';
import type { Sidebar } from './sidebar/sidebar';
import type { ICards, IImageDraft, IImagesModel } from './tokens';

const DRAFT_KEYS = ['cluster', 'name', 'base', 'python', 'requirements'] as const;

export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly model: IImagesModel;
  readonly cards: ICards;
  readonly notebooks: INotebookTracker;
  readonly sidebar: Sidebar;
  readonly trans: TranslationBundle;
}

export function addCommands(options: ICommandOptions): void {
  addSidebarCommands(options);
  addImageCommands(options);
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
  commands.addCommand(CommandIDs.newImage, {
    label: args => (args.isPalette ? trans.__('New Kusto Image…') : trans.__('Kusto Image')),
    caption: trans.__('Build a sandbox custom image of Azure Data Explorer'),
    icon: imageIcon,
    isEnabled,
    execute: args => {
      shell.activateById(sidebar.id);
      sidebar.openForm(readDraft(args));
    }
  });
  commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Kusto Images'),
    execute: () => model.refresh()
  });
}

function addImageCommands({ app, model, cards, notebooks, trans }: ICommandOptions): void {
  const { commands, serviceManager, shell } = app;
  const tabs = new RecordTabs(shell, model, cards, trans);
  commands.addCommand(CommandIDs.insertCell, {
    label: trans.__('Insert Kusto Image Cell'),
    // As an argument: the translator replaces `%%` in its messages by `%`.
    caption: trans.__('Insert a %1 cell', '%%kusto_image'),
    icon: imageIcon,
    execute: async args => {
      const draft = readDraft(args);
      const cluster = model.clusters.find(({ id }) => id === draft.cluster) ?? model.clusters[0];
      try {
        await insertCell({ commands, notebooks, serviceManager }, cellText(draft), setupText(cluster));
      } catch (error) {
        await showErrorMessage(trans.__('Insert Kusto Image Cell'), errorMessage(error));
      }
    }
  });
  commands.addCommand(CommandIDs.openRecord, {
    label: trans.__('Show Details of a Kusto Image Build'),
    execute: args => tabs.open(typeof args.id === 'string' ? args.id : '')
  });
  const runOnImage = async (args: ReadonlyPartialJSONObject, action: typeof deleteImage): Promise<void> => {
    const draft = readDraft(args);
    const cluster = model.clusters.find(({ id }) => id === draft.cluster);
    if (cluster && draft.name) {
      await action(model, cluster, draft.name, trans);
    }
  };
  commands.addCommand(CommandIDs.enableImage, {
    label: trans.__('Enable a Kusto Image'),
    execute: args => runOnImage(args, enableImage)
  });
  commands.addCommand(CommandIDs.deleteImage, {
    label: trans.__('Delete a Kusto Image'),
    execute: args => runOnImage(args, deleteImage)
  });
}

/** Read a draft from command arguments. They are not trusted: a shortcut or another extension can pass anything. */
export function readDraft(args: ReadonlyPartialJSONObject): IImageDraft {
  return Object.fromEntries(DRAFT_KEYS.flatMap(key => (typeof args[key] === 'string' ? [[key, args[key]]] : [])));
}
